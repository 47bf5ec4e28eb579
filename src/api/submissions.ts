/**
 * Submissions within the JSON of a request, alone or in whatever holds them: what JSON can say of one in
 * place of a field of its message, and what one gets that says nothing. Protobuf takes a number that is
 * absent for a zero; somebody who writes JSON takes it for what the cluster does by itself.
 *
 * @module
 */

import type { DescMessage, JsonObject, JsonValue } from "@bufbuild/protobuf";
import { MasterService, PRIORITY_DEFAULT, Refusal } from "../rpc/mod.ts";
import { messageIn } from "./proto_json.ts";

const SUBMISSION: DescMessage = MasterService.method.submitJob.input;

/** Whether messages of this kind are submissions. */
export function isSubmission({ typeName }: DescMessage): boolean {
  return typeName === SUBMISSION.typeName;
}

/**
 * The request with every submission in it as its message has it.
 *
 * @throws Refusal `invalid` that names what is wrong with a payload
 */
export function withSubmissions(schema: DescMessage, json: JsonObject): JsonObject {
  if (isSubmission(schema)) return submissionIn(json);
  const changed: Record<string, JsonValue> = { ...json };
  for (const field of schema.fields) {
    const message = messageIn(field);
    if (message === undefined || !holdsSubmissions(message)) continue;
    for (const name of new Set([field.name, field.jsonName])) {
      const value = json[name];
      // Of another kind than the field's it is refused when the message is made.
      if (Array.isArray(value)) {
        changed[name] = value.map((each) => isObject(each) ? withSubmissions(message, each) : each);
      } else if (isObject(value)) changed[name] = withSubmissions(message, value);
    }
  }
  return changed;
}

function submissionIn(json: JsonObject): JsonObject {
  const { payload_json: asJson, payload_text: text, ...rest } = json;
  const said = [asJson, text, rest.payload].filter((each) => each !== undefined);
  if (said.length > 1) {
    throw new Refusal("invalid", "payload, payload_json and payload_text exclude each other");
  }
  if (text !== undefined && typeof text !== "string") {
    throw new Refusal("invalid", "payload_text is no text");
  }
  const isAbsent = (...names: string[]) =>
    names.every((name) => rest[name] === undefined || rest[name] === null);
  const bytes = asJson === undefined ? text : JSON.stringify(asJson);
  return {
    ...rest,
    ...(bytes !== undefined && { payload: new TextEncoder().encode(bytes).toBase64() }),
    ...(isAbsent("priority") && { priority: PRIORITY_DEFAULT }),
    ...(isAbsent("max_retries", "maxRetries", "default_retries", "defaultRetries") &&
      { default_retries: true }),
  };
}

const HOLDERS = new Map<string, boolean>();

function holdsSubmissions(message: DescMessage): boolean {
  if (isSubmission(message)) return true;
  let holds = HOLDERS.get(message.typeName);
  if (holds === undefined) {
    HOLDERS.set(message.typeName, false); // a message may hold itself
    holds = message.fields.some((field) => {
      const inner = messageIn(field);
      return inner !== undefined && holdsSubmissions(inner);
    });
    HOLDERS.set(message.typeName, holds);
  }
  return holds;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
