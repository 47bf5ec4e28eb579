/**
 * What an answer was expected to be, and what it was.
 *
 * @module
 */

import { isDeepStrictEqual } from "node:util";
import { exactNumber, withBigIntegers } from "../../json/mod.ts";
import { PermanentJobError } from "../contract.ts";
import { FetchError, FetchStatusError, retryAfterOf } from "../fetch_error.ts";
import { describeUrl } from "../job_url.ts";
import type { JsonBody } from "./json_body.ts";
import type { Expectations } from "./payload.ts";

/** An answer that has been read. */
export interface ReadAnswer {
  readonly status: number;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined for what is no text. */
  readonly text: string | undefined;
  readonly json: () => JsonBody;
  readonly durationMs: number;
}

/** Answers of 4xx that may be others in a while (RFC 9110, 8470, 6585). */
const PASSING: ReadonlySet<number> = new Set([408, 421, 423, 425, 429]);
/** Characters of a body or a value that a message quotes. */
const QUOTED_MAX = 200;
/** Values within one that is shown. */
const PARTS_SHOWN_MAX = 200;

/**
 * Holds an answer against what is expected of it.
 *
 * @throws {PermanentJobError} for an unexpected status of 4xx that will be the same next time.
 * @throws {FetchStatusError} for any other unexpected status; {FetchError} for what else is unexpected.
 */
export function requireExpected(answer: ReadAnswer, expected: Expectations): void {
  requireStatus(answer, expected);
  const faults = [
    ...Object.entries(expected.headers).flatMap(([name, text]) => headerFault(answer, name, text)),
    ...expected.body_contains.flatMap((text) => bodyFault(answer, text)),
    ...jsonFaults(answer, expected.json),
    ...timeFault(answer, expected.max_ms),
  ];
  if (faults.length === 0) return;
  throw new FetchError(`${describeUrl(answer.url)} is not as expected: ${faults.join("; ")}.`);
}

function requireStatus({ status, url, headers, text }: ReadAnswer, expected: Expectations): void {
  const isExpected = expected.status.some(({ first, last }) => first <= status && status <= last);
  if (isExpected) return;
  const wanted = expected.status.map(({ first, last }) =>
    first === last ? first : `${first}-${last}`
  );
  const said = text === undefined || text.trim() === "" ? "" : `; it said: ${quoted(text.trim())}`;
  const message = `${describeUrl(url)} answered with status ${status}; expected: ` +
    `${wanted.join(", ")}${said}`;
  if (status >= 400 && status < 500 && !PASSING.has(status)) throw new PermanentJobError(message);
  const retryAfterMs = retryAfterOf(headers["retry-after"], Date.now());
  const wish = retryAfterMs === undefined
    ? ""
    : ` (it asks to be left alone for ${Math.ceil(retryAfterMs / 1_000)} s)`;
  throw new FetchStatusError(`${message}${wish}`, status, retryAfterMs);
}

function headerFault({ headers }: ReadAnswer, name: string, text: string): string[] {
  const key = name.toLowerCase();
  const value = Object.hasOwn(headers, key) ? headers[key] : undefined;
  if (value === undefined) return [`it has no header ${name}`];
  return value.includes(text) ? [] : [`its header ${name} does not hold ${quoted(text)}`];
}

function bodyFault({ text }: ReadAnswer, wanted: string): string[] {
  return text?.includes(wanted) ? [] : [`its body does not hold ${quoted(wanted)}`];
}

function jsonFaults({ json: read }: ReadAnswer, expected: Expectations["json"]): string[] {
  const entries = Object.entries(expected);
  if (entries.length === 0) return [];
  const body = read();
  if ("fault" in body) return [`its body ${body.fault}`];
  const { json } = body;
  return entries.flatMap(([pointer, wanted]) => {
    const found = valueAt(json, pointer);
    // As numbers: 1e3 is 1000. Ids of 64 bits are compared to the last digit.
    if (isDeepStrictEqual(withBigIntegers(found), withBigIntegers(wanted))) return [];
    const is = found === undefined ? "nothing" : shown(found);
    const place = pointer === "" ? "its root" : pointer;
    return [`at ${place} stands ${is}, not ${shown(wanted)}`];
  });
}

function timeFault({ durationMs }: ReadAnswer, maxMs: number | undefined): string[] {
  return maxMs === undefined || durationMs <= maxMs
    ? []
    : [`it took ${durationMs} ms, more than ${maxMs}`];
}

/** What stands at a JSON Pointer (RFC 6901); undefined for nothing. */
function valueAt(json: unknown, pointer: string): unknown {
  let value = json;
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof value !== "object" || value === null || exactNumber(value) !== undefined) {
      return undefined;
    }
    if (!Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/**
 * A value as JSON, as far as a message shows it. One that holds much is not written whole for that: many
 * expectations may meet the same megabytes, each at another level.
 */
function shown(value: unknown): string {
  let parts = 0;
  try {
    const json = JSON.stringify(value, (_name, part: unknown) => {
      if (++parts > PARTS_SHOWN_MAX) throw new HoldsMuch();
      return typeof part === "string" ? cut(part) : part;
    });
    return cut(json);
  } catch (failure) {
    if (!(failure instanceof HoldsMuch)) throw failure;
    return Array.isArray(value) ? `a list of ${value.length}` : "an object with much in it";
  }
}

/** Ends the writing of what is too long to be shown. */
class HoldsMuch extends Error {}

function quoted(text: string): string {
  return JSON.stringify(cut(text));
}

function cut(text: string): string {
  return text.length <= QUOTED_MAX ? text : `${text.slice(0, QUOTED_MAX)}…`;
}
