/**
 * Messages as JSON and back: protobuf's own mapping, with the names of the .proto files, with default
 * values written, and with 64-bit integers as numbers wherever a number holds them exactly.
 *
 * @module
 */

import {
  create,
  type DescField,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  type MessageInitShape,
  type MessageShape,
  ScalarType,
  toJson,
} from "@bufbuild/protobuf";
import { Refusal } from "../rpc/mod.ts";

export type AnyMessage = MessageShape<DescMessage>;

/** A message as the API shows it. */
export function jsonOf(schema: DescMessage, message: MessageInitShape<DescMessage>): JsonObject {
  const json = toJson(schema, create(schema, message), {
    alwaysEmitImplicit: true,
    useProtoFieldName: true,
  });
  widen(schema, json as JsonObject);
  return json as JsonObject;
}

/** @throws Refusal `invalid` that names the field when the JSON is no such message */
export function messageFrom(schema: DescMessage, json: JsonObject): AnyMessage {
  try {
    return fromJson(schema, json);
  } catch (failure) {
    const words = failure instanceof Error ? failure.message : String(failure);
    throw new Refusal("invalid", faultIn(words), { cause: failure });
  }
}

/** What somebody who gave an object most likely wants. */
const PAYLOAD_AS_JSON = "; JSON goes into payload_json, and plain text into payload_text";

/** `cannot decode field proto.JobFilter.status from JSON: ...` names more than its reader knows. */
function faultIn(words: string): string {
  const field = /^cannot decode field [\w.]+\.(\w+) from JSON: (.*)$/s.exec(words);
  if (field !== null) {
    const [, name, fault = ""] = field;
    // Of bytes, which JSON writes as text.
    const why = fault.replace(/^expected Uint8Array, got /, "expected text in base64, got ");
    return `${name}: ${why}${name === "payload" ? PAYLOAD_AS_JSON : ""}`;
  }
  const unknown = /^cannot decode message [\w.]+ from JSON: key "(.*)" is unknown$/s.exec(words);
  return unknown === null ? words : `there is no field "${unknown[1]}" in this request`;
}

const WIDE: ReadonlySet<ScalarType> = new Set([
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.SINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
]);

interface Place {
  readonly name: string;
  readonly field: DescField;
}

/** For each message, the fields that hold wide integers or messages that may. */
const PLACES = new WeakMap<DescMessage, readonly Place[]>();

function placesOf(schema: DescMessage): readonly Place[] {
  let places = PLACES.get(schema);
  if (places === undefined) {
    places = schema.fields
      .filter((field) => isWide(field) || messageIn(field) !== undefined)
      .map((field) => ({ name: field.name, field }));
    PLACES.set(schema, places);
  }
  return places;
}

/** The type of a field's messages; undefined: it has none, or one that JSON writes as a text. */
export function messageIn(field: DescField): DescMessage | undefined {
  return field.message === undefined || field.message.typeName.startsWith("google.protobuf.")
    ? undefined
    : field.message;
}

/** Whether a field, or what its list or map holds, is an integer of 64 bits. */
export function isWide(field: DescField): boolean {
  return field.scalar !== undefined && WIDE.has(field.scalar);
}

/** Makes numbers of the texts that protobuf's mapping makes of wide integers, in place. */
function widen(schema: DescMessage, json: JsonObject): void {
  for (const { name, field } of placesOf(schema)) {
    const value = json[name];
    if (value === undefined || value === null) continue;
    const message = messageIn(field);
    const changed = (each: JsonValue): JsonValue => {
      if (message === undefined) return numberIn(each);
      widen(message, each as JsonObject);
      return each;
    };
    if (field.fieldKind === "list") json[name] = (value as JsonValue[]).map(changed);
    else if (field.fieldKind === "map") {
      const entries = Object.entries(value as JsonObject);
      json[name] = Object.fromEntries(entries.map(([key, each]) => [key, changed(each)]));
    } else json[name] = changed(value);
  }
}

function numberIn(value: JsonValue): JsonValue {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
