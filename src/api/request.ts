/**
 * What a route was asked, as the message that its call takes: from the path, the query and the body.
 *
 * @module
 */

import {
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  ScalarType,
} from "@bufbuild/protobuf";
import { Refusal } from "../rpc/mod.ts";
import { refuseTooMany } from "./message_bounds.ts";
import type { CallRow, StreamRow } from "./routes.ts";
import { type AnyMessage, messageFrom } from "./proto_json.ts";
import { withSubmissions } from "./submissions.ts";

/** The parts of a request that make up a message. */
export interface Asked {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Absent where the route takes none. */
  readonly body?: JsonObject;
}

/** A parameter of the query: a field of the request, or of its filter. */
export interface QueryField {
  readonly name: string;
  readonly field: DescField;
  /** It is a field of this message within the request. */
  readonly within?: string;
}

/**
 * The message of a call.
 *
 * @throws Refusal `invalid` that names what is wrong
 */
export function requestOf(
  row: CallRow | StreamRow,
  input: DescMessage,
  asked: Asked,
): AnyMessage {
  const fixed: JsonObject = { ...row.fixed, ...asked.params };
  const given = hasQuery(row)
    ? fromQuery(queryFields(row, input), asked.query)
    : withoutQuery(asked.query, asked.body ?? {});
  for (const [name, value] of Object.entries(fixed)) {
    const said = given[name] ?? given[camel(name)];
    if (said !== undefined && said !== value) {
      throw new Refusal("invalid", `${name} is "${value}" by the path, and "${said}" besides`);
    }
  }
  const json = { ...given, ...fixed };
  refuseTooMany(input, json);
  return messageFrom(input, withSubmissions(input, json));
}

/** What handlers say of a filter, in the words of a query: there its fields stand without their prefix. */
export function inWordsOfQuery(failure: unknown): unknown {
  if (!(failure instanceof Refusal) || !failure.message.startsWith(FILTER_PREFIX)) return failure;
  const { reason, message, retryAfterMs } = failure;
  return new Refusal(reason, message.slice(FILTER_PREFIX.length), {
    cause: failure,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

const FILTER_PREFIX = "filter.";

/** Whether a route takes its request by the query; the others have a body. */
export function hasQuery({ verb }: { readonly verb: string }): boolean {
  return verb === "GET" || verb === "DELETE";
}

/** What a route takes in its query: what is in its path, or decided by it, is left out. */
export function queryFields(row: CallRow | StreamRow, input: DescMessage): readonly QueryField[] {
  const decided = new Set([
    ...[...row.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
    ...Object.keys(row.fixed ?? {}),
  ]);
  return input.fields.filter(({ name }) => !decided.has(name)).flatMap((field): QueryField[] => {
    if (field.message?.name !== "JobFilter") {
      return isQueryable(field) ? [{ name: field.name, field }] : [];
    }
    return field.message.fields.filter(isQueryable)
      .map((inner) => ({ name: inner.name, field: inner, within: field.name }));
  });
}

/** Texts, numbers, truth values, times, lists of texts and maps of texts can be said in a query. */
function isQueryable(field: DescField): boolean {
  switch (field.fieldKind) {
    case "scalar":
      return field.scalar !== ScalarType.BYTES;
    case "list":
      return field.listKind === "scalar";
    case "map":
      return field.mapKind === "scalar";
    case "message":
      return field.message.typeName === "google.protobuf.Timestamp";
    case "enum":
      return false;
  }
}

function fromQuery(fields: readonly QueryField[], query: URLSearchParams): JsonObject {
  const byName = new Map(fields.map((each) => [each.name, each]));
  const json: Record<string, JsonValue> = {};
  for (const name of new Set(query.keys())) {
    const place = byName.get(name);
    if (place === undefined) throw unknownParameter(name, takenText([...byName.keys()]));
    const value = valueOf(place, query.getAll(name));
    if (place.within === undefined) json[name] = value;
    else json[place.within] = { ...(json[place.within] as JsonObject | undefined), [name]: value };
  }
  return json;
}

function valueOf({ name, field }: QueryField, values: readonly string[]): JsonValue {
  if (field.fieldKind === "list") return [...values];
  if (field.fieldKind === "map") {
    return mapOf(name, values);
  }
  const [value = ""] = values;
  if (values.length > 1) throw new Refusal("invalid", `${name} is given ${values.length} times`);
  if (field.fieldKind === "message") return timeOf(name, value);
  if (field.fieldKind !== "scalar" || field.scalar === ScalarType.STRING) return value;
  if (field.scalar === ScalarType.BOOL) {
    if (value === "true" || value === "") return true;
    if (value === "false") return false;
    throw new Refusal("invalid", `${name} is "${value}"; it is true or false`);
  }
  if (/^-?\d+$/.test(value)) return value;
  throw new Refusal("invalid", `${name} is "${value}"; it is a whole number`);
}

function mapOf(name: string, values: readonly string[]): JsonObject {
  const entries = new Map<string, string>();
  for (const each of values) {
    const at = each.indexOf("=");
    if (at <= 0) throw new Refusal("invalid", `${name}=${each} is no KEY=VALUE`);
    const key = each.slice(0, at);
    if (entries.has(key)) throw new Refusal("invalid", `${name} gives "${key}" more than once`);
    entries.set(key, each.slice(at + 1));
  }
  return Object.fromEntries(entries);
}

function timeOf(name: string, value: string): string {
  try {
    // Not Date.parse: to that the 31st of February is a day, and a time without an offset is this node's.
    if (/^\d{4}-/.test(value)) return Temporal.Instant.from(value).toString();
  } catch {
    // It says no more than that it cannot read it.
  }
  throw new Refusal("invalid", `${name} is "${value}"; it is a time such as 2026-01-31T12:00:00Z`);
}

function withoutQuery(query: URLSearchParams, body: JsonObject): JsonObject {
  const [name] = query.keys();
  if (name !== undefined) throw unknownParameter(name, "what it needs in its body");
  return body;
}

function takenText(known: readonly string[]): string {
  return known.length === 0 ? "none" : known.join(", ");
}

function unknownParameter(name: string, taken: string): Refusal {
  return new Refusal("invalid", `there is no parameter "${name}": this route takes ${taken}`);
}

function camel(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
