/**
 * From a job's payload bytes to what its type runs on, or to one message that names every fault.
 *
 * @module
 */

import { exactNumber, parseExactly } from "../json/mod.ts";
import { closestTo } from "./closest.ts";
import type { JobType } from "./contract.ts";
import { widthFault } from "./payload_width.ts";

/** A payload that its type accepts, or all that is wrong with it. */
export type ParsedPayload<Payload = unknown> =
  | { readonly ok: true; readonly payload: Payload }
  | { readonly ok: false; readonly faults: readonly string[]; readonly message: string };

/** Reads `bytes` as JSON and holds it against the type's schema. Never throws for a bad payload. */
export function parsePayload<Payload>(
  type: JobType<Payload>,
  bytes: Uint8Array,
): ParsedPayload<Payload> {
  if (type.ignoresPayload === true) return { ok: true, payload: undefined as Payload };
  const value = readPayload(type, bytes);
  if ("fault" in value) return refused(type, [value.fault]);
  try {
    const tooWide = widthFault(type.payloadSchema, value.json, bytes.length);
    if (tooWide !== undefined) return refused(type, [tooWide]);
    const parsed = type.payloadSchema.safeParse(value.json, { error: nameUnknownKeys });
    if (parsed.success) return { ok: true, payload: parsed.data };
    return refusedFor(type, parsed.error.issues, value.json);
  } catch (error) {
    // Nested so deep that the stack ends, or a custom type's schema that throws.
    if (error instanceof RangeError) return refused(type, ["it is nested too deeply"]);
    return refused(type, [`its schema failed on it (${String(error)})`]);
  }
}

/** What is to be known of a type whose payload is read. */
export interface PayloadOwner extends Pick<JobType, "name" | "payloadOfText" | "exactNumbersIn"> {
  /** In place of `JSON.parse`. */
  readonly readJson?: (text: string) => unknown;
}

/** The refusal of a payload for what a schema found wrong with its JSON. */
export function refusedFor(
  type: PayloadOwner,
  issues: readonly PayloadIssue[],
  json: unknown,
  help?: string,
): ParsedPayload<never> {
  // Those that are not told are not put into words either: there may be as many as bytes.
  const told = faultsOf(issues.slice(0, FAULTS_MAX), json);
  return refused(type, told, help, Math.max(0, issues.length - FAULTS_MAX));
}

/** More are counted, not told. */
const FAULTS_MAX = 20;

/**
 * The refusal of a payload for faults that are sentences already.
 *
 * @param help where to look; empty for types that the program does not know
 * @param untold faults beside those, which nobody has put into words
 */
export function refused(
  type: PayloadOwner,
  found: readonly string[],
  help = `\`conductor job-types show ${type.name}\` says what it takes.`,
  untold = 0,
): ParsedPayload<never> {
  const faults = found.slice(0, FAULTS_MAX);
  const count = found.length + untold;
  if (count > FAULTS_MAX) faults.push(`and ${count - FAULTS_MAX} more`);
  const head = count === 1
    ? `The payload of this ${type.name} job is not valid`
    : `The payload of this ${type.name} job has ${count} faults`;
  return { ok: false, faults, message: `${head}: ${faults.join("; ")}${help && `. ${help}`}` };
}

// --- bytes to JSON ---------------------------------------------------------------------------

/** A payload as JSON, or why it is none. */
export type ReadPayload = { readonly json: unknown } | { readonly fault: string };

const strictUtf8 = new TextDecoder("utf-8", { fatal: true });
const lossyUtf8 = new TextDecoder();

/** What the bytes say, before any schema. */
export function readPayload(type: PayloadOwner, bytes: Uint8Array): ReadPayload {
  let text: string;
  try {
    text = strictUtf8.decode(bytes);
  } catch {
    return ownReading(type, lossyUtf8.decode(bytes)) ??
      { fault: "it is not JSON, nor any text in UTF-8" };
  }
  try {
    if (text.trim() !== "") return { json: jsonOf(type, text) };
  } catch (error) {
    return ownReading(type, text) ?? { fault: `it is not JSON: ${whereInJson(error, text)}` };
  }
  return ownReading(type, text) ?? { fault: "it is empty; JSON is expected" };
}

function jsonOf({ exactNumbersIn, readJson = JSON.parse }: PayloadOwner, text: string): unknown {
  return exactNumbersIn === undefined ? readJson(text) : parseExactly(text, exactNumbersIn);
}

function ownReading(type: PayloadOwner, text: string): ReadPayload | undefined {
  const json = type.payloadOfText?.(text);
  return json === undefined ? undefined : { json };
}

/** The engine's message with line, column and what stands there; it gives the position alone. */
function whereInJson(error: unknown, text: string): string {
  const message = error instanceof Error ? error.message : String(error);
  const reason = message.replace(/ (?:in JSON )?at position .*$/s, "")
    .replace(/, (?:"|\.\.\.).*is not valid JSON$/s, "");
  const found = /at position (\d+)/.exec(message);
  const position = found === null
    ? (/end of/.test(message) ? text.length : firstBadToken(reason, text))
    : Number(found[1]);
  if (position === undefined) return `${reason}, near ${JSON.stringify(text.slice(0, 24))}`;
  const before = text.slice(0, position);
  const line = before.split("\n").length;
  const column = position - (before.lastIndexOf("\n") + 1) + 1;
  const near = text.slice(Math.max(0, position - 12), position + 12);
  return `${reason} at line ${line}, column ${column}, near ${JSON.stringify(near)}`;
}

/** For texts of some lengths V8 names the token and not its place: it is the first such one. */
function firstBadToken(reason: string, text: string): number | undefined {
  const token = /^Unexpected token '(.+)'$/su.exec(reason)?.[1];
  const at = token === undefined ? -1 : text.indexOf(token);
  return at < 0 || text.indexOf(token!, at + 1) >= 0 ? undefined : at;
}

// --- faults in words -------------------------------------------------------------------------

/** What we use of an issue of zod 4; custom handlers may bring another version's, or less. */
export interface PayloadIssue {
  readonly code?: string | undefined;
  readonly path?: readonly PropertyKey[] | undefined;
  readonly message: string;
  readonly expected?: unknown;
  readonly values?: readonly unknown[];
  readonly options?: readonly unknown[];
  readonly minimum?: number | bigint;
  readonly maximum?: number | bigint;
  readonly origin?: string;
  readonly inclusive?: boolean;
  readonly errors?: readonly (readonly PayloadIssue[])[];
}

/** One line for each fault: where, which value, what is allowed. */
function faultsOf(
  issues: readonly PayloadIssue[],
  json: unknown,
  base: readonly PropertyKey[] = [],
): string[] {
  return issues.flatMap((issue) => {
    const path = [...base, ...(issue.path ?? [])];
    const branch = issue.code === "invalid_union" ? likeliestBranch(issue) : undefined;
    if (branch !== undefined) return faultsOf(branch, json, path);
    const fault = `${placeOf(path)}${wordsFor(issue, valueAt(json, path), path)}`;
    return [fault.replace(/^it: /, "").replace(/\.$/, "")];
  });
}

/**
 * Of the ways to write a value, the one that was meant: it accepts the value's own kind, or it is
 * the one that found a fault deepest inside. Undefined when none fits better than another.
 */
function likeliestBranch({ errors = [] }: PayloadIssue): readonly PayloadIssue[] | undefined {
  const isOfOtherKind = (issues: readonly PayloadIssue[]) =>
    issues.some((each) => each.code === "invalid_type" && (each.path ?? []).length === 0);
  const fitting = errors.filter((issues) => !isOfOtherKind(issues));
  return fitting.toSorted((a, b) => a.length - b.length)[0];
}

function wordsFor(issue: PayloadIssue, value: unknown, path: readonly PropertyKey[]): string {
  const is = value === undefined ? " is missing" : ` is ${shown(value, path)}`;
  switch (issue.code) {
    case "invalid_type":
      return `${is}; it must be ${article(kindName(issue.expected))}`;
    case "invalid_value":
      return `${is}; allowed: ${listed(issue.values ?? [])}`;
    case "invalid_union":
      return `${is}; ${unionWords(issue)}`;
    case "too_small":
      return `${is}; ${bound("at least", "more than", issue, issue.minimum)}`;
    case "too_big":
      return `${is}; ${bound("at most", "less than", issue, issue.maximum)}`;
    case "unrecognized_keys":
      return ` ${issue.message}`;
    default: {
      // The message names the value itself where that helps, and an object has no short form.
      const isNamed = typeof value === "object" || issue.message.includes(shown(value, path));
      return isNamed ? `: ${issue.message}` : `${is}: ${issue.message}`;
    }
  }
}

function unionWords({ options, errors = [] }: PayloadIssue): string {
  if (options !== undefined && options.length > 0) return `allowed: ${listed(options)}`;
  const kinds = new Set(errors.flat().map(({ expected }) => kindName(expected)));
  return `it must be ${[...kinds].map(article).join(" or ")}`;
}

function bound(
  inclusive: string,
  exclusive: string,
  issue: PayloadIssue,
  limit: number | bigint | undefined,
): string {
  const unit = { string: " characters", array: " items", set: " items", file: " bytes" }[
    issue.origin ?? ""
  ];
  const relation = issue.inclusive === false ? exclusive : inclusive;
  return unit === undefined
    ? `it must be ${relation} ${limit}`
    : `it must have ${relation} ${limit}${limit === 1 ? unit.replace(/s$/, "") : unit}`;
}

const KIND_NAMES: Readonly<Record<string, string>> = {
  int: "integer",
  record: "object",
  bool: "boolean",
  tuple: "array",
};

function kindName(expected: unknown): string {
  const name = String(expected);
  return Object.hasOwn(KIND_NAMES, name) ? KIND_NAMES[name]! : name;
}

function article(kind: string): string {
  if (kind === "null" || kind === "undefined" || kind === "never") return kind;
  return /^[aeio]/.test(kind) ? `an ${kind}` : `a ${kind}`;
}

function listed(values: readonly unknown[]): string {
  return values.map((value) => JSON.stringify(value) ?? String(value)).join(", ");
}

function placeOf(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "it";
  const text = path.map((key) =>
    typeof key === "number"
      ? `[${key}]`
      : /^[\w-]+$/.test(String(key))
      ? `.${String(key)}`
      : `[${JSON.stringify(String(key))}]`
  ).join("");
  return text.replace(/^\./, "");
}

function valueAt(json: unknown, path: readonly PropertyKey[]): unknown {
  let value = json;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

const SECRET = /authorization|cookie|token|secret|passw|api[-_]?key|credential/i;

/** Of a URL: the name and password before the @. */
const USER_INFO = /\/\/[^/?#\s"]*@/g;

/** Short, on one line, and never a secret: faults end up in the job's record. */
function shown(value: unknown, path: readonly PropertyKey[]): string {
  if (value === undefined) return "missing";
  if (path.some((key) => SECRET.test(String(key)))) return "not shown";
  if (Array.isArray(value)) return value.length === 0 ? "[]" : `an array of ${value.length}`;
  const isNumber = exactNumber(value) !== undefined;
  if (typeof value === "object" && value !== null && !isNumber) return "an object";
  const text = (JSON.stringify(value) ?? String(value)).replace(USER_INFO, "//…@");
  return text.length <= 60 ? text : `${text.slice(0, 60)}…`;
}

// --- unknown keys ----------------------------------------------------------------------------

/** More are counted: two megabytes of them would take seconds to compare with those that are known. */
const KEYS_NAMED_MAX = 20;
const KEY_CHARACTERS_MAX = 60;

/** The part of zod's raw issue that says which keys its object knows. */
interface RawIssue {
  readonly code?: string | undefined;
  readonly keys?: unknown;
  readonly inst?: unknown;
}

/** For zod's `error` option: names unknown keys with those that are known and the likeliest. */
function nameUnknownKeys(issue: RawIssue): string | undefined {
  if (issue.code !== "unrecognized_keys" || !Array.isArray(issue.keys)) return undefined;
  const known = knownKeys(issue.inst);
  const named = issue.keys.slice(0, KEYS_NAMED_MAX).map((key) => {
    const name = String(key);
    const meant = name.length > KEY_CHARACTERS_MAX ? undefined : closestTo(name, known);
    const text = name.length > KEY_CHARACTERS_MAX ? `${name.slice(0, KEY_CHARACTERS_MAX)}…` : name;
    return JSON.stringify(text) + (meant === undefined ? "" : ` (did you mean ${meant}?)`);
  });
  const more = issue.keys.length - named.length;
  if (more > 0) named.push(`and ${more} more`);
  const what = named.length === 1 ? "has the unknown key" : "has the unknown keys";
  return `${what} ${named.join(", ")}${known.length === 0 ? "" : `; known: ${known.join(", ")}`}`;
}

function knownKeys(schema: unknown): readonly string[] {
  if (typeof schema !== "object" || schema === null || !("_zod" in schema)) return [];
  const { def } = schema._zod as { readonly def?: { readonly shape?: Readonly<object> } };
  return Object.keys(def?.shape ?? {});
}
