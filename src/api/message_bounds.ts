/**
 * How many messages the JSON of a request may hold. `{}` takes three bytes of a body and, as a message,
 * over a kilobyte of memory, so they are counted before any is made.
 *
 * @module
 */

import type { DescField, DescMessage, JsonObject, JsonValue } from "@bufbuild/protobuf";
import { Refusal } from "../rpc/mod.ts";

/** In one list: as many jobs as one call takes (`master/submit_api.ts`). */
export const LIST_MESSAGES_MAX = 10_000;
/** In all of a request: a full list of jobs, with options and some dependencies each. */
export const MESSAGES_MAX = 100_000;

/** @throws Refusal `invalid` that names the list */
export function refuseTooMany(schema: DescMessage, json: JsonObject): void {
  countedIn(schema, json, 0);
}

/** With those counted already. */
function countedIn(schema: DescMessage, json: JsonObject, before: number): number {
  let count = before;
  for (const field of schema.fields) {
    if (field.message === undefined) continue;
    for (const name of new Set([field.name, field.jsonName])) {
      const messages = messagesIn(field, json[name]);
      count += refusedBeyond(messages.length, LIST_MESSAGES_MAX, field.name);
      refusedBeyond(count, MESSAGES_MAX, "messages");
      for (const each of messages) {
        if (isObject(each)) count = countedIn(field.message, each, count);
      }
    }
  }
  return count;
}

function refusedBeyond(count: number, max: number, what: string): number {
  if (count <= max) return count;
  throw new Refusal("invalid", `${count} ${what} in one call; at most ${max} are taken`);
}

/** What is there of the messages that a field may hold; of another kind than its own it is refused later. */
function messagesIn(field: DescField, value: JsonValue | undefined): readonly JsonValue[] {
  if (value === undefined || value === null) return [];
  if (field.fieldKind === "list") return Array.isArray(value) ? value : [];
  if (field.fieldKind === "map") return isObject(value) ? Object.values(value) : [];
  return [value];
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
