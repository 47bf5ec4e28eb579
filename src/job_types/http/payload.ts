/**
 * What a job of type `http` is told, and what it hands back.
 *
 * @module
 */

import { z } from "zod";
import { parseDuration } from "../duration.ts";
import { jobUrl } from "../job_url_schema.ts";
import { recordOf } from "../record_of.ts";
import { ruleAbout } from "../rule_about.ts";

/** Headers, or expectations of one kind. */
const ENTRIES_MAX = 100;
const TIMEOUT_MS_MAX = 24 * 3_600_000;
const REDIRECTS_MAX = 20;

/** `200`, `"200-204"` and `"2xx"`, as the first and the last status that will do. */
export interface StatusRange {
  readonly first: number;
  readonly last: number;
}

const statusRange = z.union([
  z.number().int().min(100).max(599),
  z.string().regex(/^([1-5]xx|[1-5]\d\d(-[1-5]\d\d)?)$/, 'write 200, "200-204" or "2xx"'),
]).transform((written): StatusRange => {
  if (typeof written === "number") return { first: written, last: written };
  if (written.endsWith("xx")) {
    const first = Number(written[0]) * 100;
    return { first, last: first + 99 };
  }
  const [first = "", last = first] = written.split("-");
  return { first: Number(first), last: Number(last) };
});

const duration = z.union([z.string(), z.number()]).transform((written, context) => {
  try {
    return parseDuration(written);
  } catch (error) {
    context.addIssue({ code: "custom", message: (error as Error).message });
    return z.NEVER;
  }
}).refine((ms) => ms > 0 && ms <= TIMEOUT_MS_MAX, "it must be more than 0 and at most 24 hours");

const oneOrMore = <Item extends z.ZodType>(item: Item) =>
  z.union([item.transform((value) => [value]), z.array(item).min(1).max(ENTRIES_MAX)]);

const POINTER = /^(\/([^/~]|~[01])*)*$/;

const byPointer = recordOf(z.string(), z.unknown()).superRefine((values, context) => {
  const bad = Object.keys(values).find((place) => !POINTER.test(place));
  if (bad === undefined) return;
  const message = `${JSON.stringify(bad)} is no JSON Pointer (RFC 6901), such as "/items/0/name"`;
  context.addIssue({ code: "custom", message });
});

const expectations = z.strictObject({
  status: oneOrMore(statusRange).default([{ first: 200, last: 299 }]).describe(
    'statuses that will do: 200, "200-204", "2xx", or a list of such; left out: "2xx"',
  ),
  headers: recordOf(z.string(), z.string()).default({}).describe(
    "texts that headers of the answer must hold, by name",
  ),
  body_contains: oneOrMore(z.string().min(1)).default([]).describe(
    "texts that must be found in the body",
  ),
  json: byPointer.default({}).describe(
    "values that must stand in the body's JSON, by JSON Pointer (RFC 6901)",
  ),
  max_ms: z.number().int().min(1).max(TIMEOUT_MS_MAX).optional().describe(
    "longest time until the whole body has been read, in ms",
  ),
});

export type Expectations = z.output<typeof expectations>;

export const httpPayload = z.strictObject({
  url: jobUrl.describe("http or https, where the worker lets jobs go"),
  method: z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]).default("GET").describe(
    "the request's method",
  ),
  headers: recordOf(z.string(), z.string()).default({}).describe(
    "headers of the request; those that hold credentials stay at the first origin",
  ),
  body: z.string().optional().describe("body as text"),
  json: z.unknown().optional().describe("body as JSON; content-type is application/json then"),
  body_base64: z.base64().optional().describe("body as bytes"),
  timeout: duration.optional().describe(
    'longest time for all of it, such as "10s"; left out: one minute',
  ),
  redirects_max: z.number().int().min(0).max(REDIRECTS_MAX).default(10).describe(
    "redirects that are followed; with 0 the redirect itself is the answer",
  ),
  max_bytes: z.number().int().min(1).optional().describe(
    "longest body, decoded; never more than the worker's own bound",
  ),
  expect: expectations.prefault({}).describe("what the answer must be for the job to complete"),
  response: z.enum(["auto", "text", "json", "base64", "none"]).default("auto").describe(
    "how the body is given back; auto: as its content-type says",
  ),
}).superRefine((payload, context) => {
  const bodies = (["body", "json", "body_base64"] as const)
    .filter((name) => payload[name] !== undefined);
  if (bodies.length > 1) {
    context.addIssue({ code: "custom", message: `give one of ${bodies.join(", ")}, not all` });
  }
  if (bodies.length > 0 && (payload.method === "GET" || payload.method === "HEAD")) {
    context.addIssue({ code: "custom", message: `a ${payload.method} request has no body` });
  }
}, ruleAbout("method", "body", "json", "body_base64"));

export type HttpPayload = z.output<typeof httpPayload>;

/** What came back. */
export const httpResult = z.strictObject({
  status: z.number().describe("the answer's status"),
  url: z.string().describe("the URL that answered, after redirects"),
  redirects: z.number().describe("redirects that were followed"),
  headers: z.record(z.string(), z.string()).describe(
    "the answer's headers, lower-case; cookies that it sets are not kept",
  ),
  body_kind: z.enum(["text", "json", "base64", "none"]).describe("how body is to be read"),
  body: z.unknown().optional().describe("the body; absent with none"),
  bytes: z.number().describe("length of the decoded body"),
  duration_ms: z.number().describe("from the start to the end of the body"),
});
