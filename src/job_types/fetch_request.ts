/**
 * What the guarded fetch sends and where: which URLs, ports and headers are acceptable, and what
 * becomes of a request that is redirected.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import {
  AddressRefusedError,
  type CookieStore,
  type GuardedFetchOptions,
  PermanentJobError,
} from "./contract.ts";
import { ACCEPTED_CODINGS } from "./decoded_body.ts";
import { FetchError } from "./fetch_error.ts";
import type { FetchPolicy } from "./guarded_fetch.ts";
import type { ExchangeRequest } from "./http_exchange.ts";
import { describeUrl, parseJobUrl, refuseCredentials } from "./job_url.ts";

/**
 * The URL of a request, without its fragment.
 *
 * @throws {AddressRefusedError} for schemes other than http and https.
 * @throws {JobUrlError} when it is no URL or holds credentials.
 */
export function webUrl(input: string | URL): URL {
  const url = typeof input === "string" ? parseJobUrl(input) : new URL(input);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new AddressRefusedError(
      `${describeUrl(url)} has the scheme ${url.protocol.slice(0, -1)}; ` +
        "only http and https are fetched over the network.",
    );
  }
  refuseCredentials(url);
  url.hash = "";
  return url;
}

/**
 * Ports of other protocols, where an HTTP request could be taken for a command (the Fetch standard's
 * "bad ports").
 */
const BAD_PORTS: ReadonlySet<number> = new Set([
  ...[0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101],
  ...[102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389],
  ...[427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636],
  ...[989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665],
  ...[6666, 6667, 6668, 6669, 6679, 6697, 10080],
]);

/**
 * @throws {AddressRefusedError} for a port where an HTTP request could do harm.
 */
export function portOf(url: URL): number {
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  if (!BAD_PORTS.has(port)) return port;
  throw new AddressRefusedError(
    `${describeUrl(url)} names port ${port}, which belongs to another protocol than HTTP.`,
  );
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** The `location` of an answer that redirects. */
export function redirectTarget(answer: IncomingMessage): string | undefined {
  return REDIRECTS.has(answer.statusCode ?? 0) ? answer.headers.location : undefined;
}

/**
 * Where a redirect leads.
 *
 * @throws {AddressRefusedError} when a job may not go there, {FetchError} when it is no URL.
 */
export function nextUrl(target: string, from: URL): URL {
  // Browsers read a header's bytes as UTF-8, Node as Latin-1.
  const text = new TextDecoder().decode(Uint8Array.from(target, (char) => char.charCodeAt(0)));
  const url = URL.parse(text, from);
  if (url === null) throw new FetchError(`${describeUrl(from)} redirects to what is no URL.`);
  try {
    return webUrl(url);
  } catch (cause) {
    if (!(cause instanceof PermanentJobError)) throw cause;
    throw new AddressRefusedError(`${describeUrl(from)} redirects where a job may not go.`, {
      cause,
    });
  }
}

/** Headers that frame the message or name the connection: not for a payload to say. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * What is sent to the first URL.
 *
 * @throws {PermanentJobError} for headers that a job may not set.
 */
export function firstRequest(
  options: GuardedFetchOptions,
  policy: Pick<FetchPolicy, "userAgent">,
): ExchangeRequest {
  const headers = new Map([
    ["accept", "*/*"],
    ["accept-encoding", ACCEPTED_CODINGS],
    ["user-agent", policy.userAgent],
  ]);
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    const key = name.toLowerCase();
    if (OWN_HEADERS.has(key)) {
      throw new PermanentJobError(
        `The header ${JSON.stringify(name)} is set by the worker itself.`,
      );
    }
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(key) || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      throw new PermanentJobError(
        `The header ${JSON.stringify(name)} holds characters that HTTP does not allow there.`,
      );
    }
    headers.set(key, value);
  }
  const { body } = options;
  return {
    method: options.method ?? "GET",
    headers: Object.fromEntries(headers),
    body: typeof body === "string" ? new TextEncoder().encode(body) : body,
  };
}

/**
 * Headers that say nothing of who asks. Any other may be a key (`x-api-key`, `authorization`,
 * `cookie`), and stays with the origin that it was meant for.
 */
const HARMLESS: ReadonlySet<string> = new Set([
  ...["accept", "accept-encoding", "accept-language", "cache-control", "content-encoding"],
  ...["content-language", "content-type", "dnt", "if-modified-since", "if-none-match"],
  ...["pragma", "range", "user-agent"],
]);

/** RFC 9110 §15.4; stricter than the Fetch standard about what goes along to another origin. */
export function redirectedRequest(
  message: ExchangeRequest,
  status: number,
  from: URL,
  to: URL,
): ExchangeRequest {
  const becomesGet = (status === 303 && message.method !== "HEAD") ||
    ((status === 301 || status === 302) && message.method === "POST");
  const dropped = (name: string) =>
    (from.origin !== to.origin && !HARMLESS.has(name)) ||
    (becomesGet && name.startsWith("content-"));
  return {
    method: becomesGet ? "GET" : message.method,
    headers: Object.fromEntries(Object.entries(message.headers).filter(([name]) => !dropped(name))),
    body: becomesGet ? undefined : message.body,
  };
}

/** The request with the cookies that are kept for `url`, behind those that it names itself. */
export function withCookies(
  message: ExchangeRequest,
  url: URL,
  cookies: CookieStore | undefined,
): ExchangeRequest {
  const kept = cookies?.headerFor(url) ?? "";
  if (kept === "") return message;
  const own = message.headers.cookie;
  const cookie = own === undefined ? kept : `${own}; ${kept}`;
  return { ...message, headers: { ...message.headers, cookie } };
}
