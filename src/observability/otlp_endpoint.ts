/**
 * Where spans are sent, from what people write in OTEL_EXPORTER_OTLP_ENDPOINT.
 *
 * @module
 */

import { TracingConfigError } from "./tracing.ts";

const TRACES_PATH = "/v1/traces";

/** A collector as gRPC reaches it. */
export interface CollectorTarget {
  /** `HOST:PORT`. */
  readonly address: string;
  readonly isSecure: boolean;
}

/**
 * @param endpoint `HOST:PORT`, or an http(s) URL, of which the path says nothing to gRPC.
 * @param insecure no TLS for a `HOST:PORT`.
 * @throws TracingConfigError
 */
export function collectorTarget(endpoint: string, insecure: boolean): CollectorTarget {
  const url = endpointUrl(endpoint, insecure);
  const isSecure = url.protocol === "https:";
  const port = url.port === "" ? (isSecure ? "443" : "80") : url.port;
  return { address: `${url.hostname}:${port}`, isSecure };
}

/**
 * @param endpoint `HOST:PORT`, or an http(s) URL with or without `/v1/traces`.
 * @param insecure http rather than https for a `HOST:PORT`.
 * @throws TracingConfigError
 */
export function tracesUrl(endpoint: string, insecure: boolean): string {
  const url = endpointUrl(endpoint, insecure);
  const path = url.pathname.replace(/\/+$/, "");
  url.pathname = path.endsWith(TRACES_PATH) ? path : `${path}${TRACES_PATH}`;
  url.hash = "";
  return url.href;
}

function endpointUrl(endpoint: string, insecure: boolean): URL {
  const text = endpoint.trim();
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
  const url = URL.parse(hasScheme ? text : `${insecure ? "http" : "https"}://${text}`);
  if (url === null || url.hostname === "" || !/^https?:$/.test(url.protocol)) {
    throw new TracingConfigError(
      `tracing.otlp_endpoint is "${endpoint}": give HOST:PORT, such as localhost:4318, or an ` +
        "http:// or https:// URL",
    );
  }
  return url;
}
