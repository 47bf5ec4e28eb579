/**
 * `http`: one request through the guarded fetch, and what the answer must be.
 *
 * @module
 */

import { defineJobType, type GuardedResponse, type JobContext } from "../contract.ts";
import { FetchError } from "../fetch_error.ts";
import { charsetNamedBy, markedCharset } from "../named_charset.ts";
import { requireExpected } from "./expectations.ts";
import { JSON_CHARACTERS_MAX, JSON_LEVELS_MAX, type JsonBody, jsonBody } from "./json_body.ts";
import { type HttpPayload, httpPayload, httpResult } from "./payload.ts";

export const http = defineJobType<HttpPayload>({
  name: "http",
  summary: "Makes one HTTP request, and completes when the answer is as expected.",
  isolation: "inline",
  payloadSchema: httpPayload,
  resultSchema: httpResult,
  exactNumbersIn: "json",
  limits: [
    {
      name: "bytes of the body",
      key: "jobs.input_bytes_max",
      meaning: "Decompressed; a longer one fails for good.",
    },
    {
      name: "result",
      key: "jobs.result_bytes_max",
      meaning: 'A longer one fails for good; with "response": "none" the body is not part of it.',
    },
    {
      name: "JSON",
      value: `${JSON_CHARACTERS_MAX / 2 ** 20} Mi characters, ${JSON_LEVELS_MAX} levels`,
      meaning: "A longer body, or one that is nested more deeply, is not read as JSON.",
    },
    {
      name: "addresses",
      key: "jobs.private_addresses",
      meaning: "Where it refuses, requests go to public addresses alone, and to those of " +
        "jobs.address_allow_list.",
    },
    { name: "redirects", value: "20", meaning: "More cannot be asked for." },
    {
      name: "retry-after",
      value: "told, not kept",
      meaning:
        "The error says how long the server wants to be left alone; when the job is tried again " +
        "is for its own backoff to say (submit --retry-delay, --backoff).",
    },
  ],
  example: { url: "https://example.com/", expect: { status: 200, body_contains: "Example" } },
  examples: [{
    title: "tells a service, and reads what it answers",
    payload: {
      url: "https://example.com/hook",
      method: "POST",
      json: { event: "done" },
      expect: { status: "2xx", json: { "/ok": true }, max_ms: 5_000 },
    },
  }],
  run: request,
});

async function request(payload: HttpPayload, context: JobContext): Promise<unknown> {
  const startedMs = performance.now();
  const response = await context.fetch(payload.url, {
    method: payload.method,
    ...messageOf(payload),
    redirectsMax: payload.redirects_max,
    bodyBytesMax: Math.min(payload.max_bytes ?? Infinity, context.limits.inputBytesMax),
    ...(payload.timeout === undefined ? {} : { timeoutMs: payload.timeout }),
  });
  const bytes = await response.bytes();
  const durationMs = Math.round(performance.now() - startedMs);
  const { status, url, redirects } = response;
  // What a server lets its visitors keep is nobody else's.
  const { "set-cookie": _, ...headers } = response.headers;
  const text = await textOf(bytes, headers["content-type"] ?? "");
  const json = jsonBody(text);
  requireExpected({ status, url, headers, text, json, durationMs }, payload.expect);
  return {
    status,
    url,
    redirects,
    headers,
    ...bodyOf(payload, response, bytes, { text, json }),
    bytes: bytes.length,
    duration_ms: durationMs,
  };
}

function messageOf({ headers, body, json, body_base64: base64 }: HttpPayload) {
  if (json !== undefined) {
    const isTold = Object.keys(headers).some((name) => name.toLowerCase() === "content-type");
    return {
      headers: isTold ? headers : { ...headers, "content-type": "application/json" },
      body: JSON.stringify(json),
    };
  }
  if (base64 !== undefined) return { headers, body: Uint8Array.fromBase64(base64) };
  return body === undefined ? { headers } : { headers, body };
}

const TEXTUAL = /^text\/|[/+](json|xml|javascript|x-www-form-urlencoded|x-ndjson|yaml)\b/i;
const JSON_TYPE = /[/+]json\b/i;
/** What may name its own charset. */
const MARKUP = /[/+](html|xml)\b/i;

/** In the charset that is found for it; of a type that is no text, where it can be read as text all the same. */
async function textOf(bytes: Uint8Array, contentType: string): Promise<string | undefined> {
  try {
    const charset = await charsetOfBody(bytes, contentType);
    return new TextDecoder(charset, { fatal: !TEXTUAL.test(contentType) }).decode(bytes);
  } catch {
    return undefined; // no text
  }
}

/** What it takes to find out is loaded when it is needed: most answers are JSON, or say it. */
async function charsetOfBody(bytes: Uint8Array, contentType: string): Promise<string> {
  const named = markedCharset(bytes) ?? charsetNamedBy(contentType);
  if (named !== undefined) return named;
  if (JSON_TYPE.test(contentType) || !TEXTUAL.test(contentType)) return "utf-8";
  const { charsetOf, charsetOfPlain, HEAD_BYTES } = await import("../charset.ts");
  return MARKUP.test(contentType)
    ? charsetOf(bytes.subarray(0, HEAD_BYTES), contentType)
    : charsetOfPlain(bytes);
}

/** A body that is text, and may be JSON. */
interface ReadBody {
  readonly text: string | undefined;
  readonly json: () => JsonBody;
}

function bodyOf(
  payload: HttpPayload,
  { headers }: GuardedResponse,
  bytes: Uint8Array,
  { text, json }: ReadBody,
): { readonly body_kind: string; readonly body?: unknown } {
  const contentType = headers["content-type"] ?? "";
  const kind = payload.response === "auto"
    ? autoKind(bytes, contentType, { text, json })
    : payload.response;
  switch (kind) {
    case "none":
      return { body_kind: kind };
    case "base64":
      return { body_kind: kind, body: bytes.toBase64() };
    case "json":
      return { body_kind: kind, body: required(json()) };
    case "text":
      return { body_kind: kind, body: text ?? new TextDecoder().decode(bytes) };
  }
}

function autoKind(bytes: Uint8Array, contentType: string, { text, json }: ReadBody) {
  if (bytes.length === 0) return "none";
  if (JSON_TYPE.test(contentType) && "json" in json()) return "json";
  return TEXTUAL.test(contentType) && text !== undefined ? "text" : "base64";
}

function required(body: JsonBody): unknown {
  if ("json" in body) return body.json;
  throw new FetchError(`The answer's body ${body.fault}.`);
}
