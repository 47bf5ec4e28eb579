/**
 * Integers of 64 bits as the wire has them, made numbers.
 *
 * @module
 */

import { Refusal } from "./status.ts";

/**
 * What counts or identifies something, and is given back as it came.
 *
 * @param field as the .proto file names it
 * @throws Refusal `invalid` when no number holds it exactly, or it is below 0: given back it would be another one
 */
export function exactly(field: string, value: bigint): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new Refusal("invalid", `${field} is ${value}; it may be 0 to ${Number.MAX_SAFE_INTEGER}`);
}

/** What only measures something: the nearest number from 0 on that is exact. */
export function nearly(value: bigint): number {
  return Math.min(Math.max(0, Number(value)), Number.MAX_SAFE_INTEGER);
}
