/**
 * The body of a request as JSON: bounded in bytes while it is read, and in levels before it is parsed.
 *
 * @module
 */

import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import {
  BodyGivenUp,
  BodyLost,
  BodyTooLarge,
  type Exchange,
  isNestedTooDeeply,
  tooManyLevels,
} from "../http/mod.ts";
import { parseExactly } from "../json/mod.ts";
import { Refusal } from "../rpc/mod.ts";
import { MediaRefusal } from "./faults.ts";

/** How long a body may be, and why. */
export interface BodyBound {
  readonly bytesMax: number;
  /** As in "more than the 9 bytes that ... ": what allows them. */
  readonly allowedBy: string;
}

/** When a body may be sent again that was read no further. */
const AGAIN_MS = 2_000;

/** @throws Refusal when it is none, or too long */
export async function jsonBody(
  request: Request,
  exchange: Exchange,
  bound: BodyBound,
): Promise<JsonObject> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new MediaRefusal(`the content-type is "${type}"; it must be application/json`);
  }
  const encoding = request.headers.get("content-encoding") ?? "identity";
  if (!/^identity$/i.test(encoding)) {
    throw new MediaRefusal(`the content-encoding is "${encoding}"; send the body as it is`);
  }
  const bytes = await bytesOf(exchange, bound);
  if (bytes.length === 0) return {};
  if (isNestedTooDeeply(bytes)) {
    throw new Refusal("invalid", tooManyLevels("the body"));
  }
  let json: JsonValue;
  try {
    // A payload is the caller's own: it becomes bytes with every digit that they wrote.
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    json = parseExactly(text, "payload_json") as JsonValue;
  } catch (failure) {
    const why = failure instanceof Error ? failure.message : String(failure);
    throw new Refusal("invalid", `the body is not JSON: ${why}`);
  }
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return json;
  throw new Refusal("invalid", "the body is no JSON object");
}

async function bytesOf(
  exchange: Exchange,
  { bytesMax, allowedBy }: BodyBound,
): Promise<Uint8Array> {
  try {
    return await exchange.body(bytesMax);
  } catch (failure) {
    if (failure instanceof BodyLost) {
      throw new Refusal("cancelled", failure.message, { cause: failure });
    }
    if (failure instanceof BodyGivenUp) {
      throw new Refusal("overloaded", failure.message, { cause: failure, retryAfterMs: AGAIN_MS });
    }
    if (!(failure instanceof BodyTooLarge)) throw failure;
    throw new Refusal(
      "too_large",
      `the body has more than the ${bytesMax} bytes that ${allowedBy}`,
      { cause: failure },
    );
  }
}
