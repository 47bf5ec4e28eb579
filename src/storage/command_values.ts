/**
 * The values that Commands are made of, read from decoded CBOR: of the kind that was to be there, or
 * an error that says what was there instead.
 *
 * @module
 */

import type { StringMap } from "../jobs/mod.ts";

/** Bytes that are not a Command of this version. The replica must stop: it cannot skip an entry. */
export class CommandFormatError extends Error {
  override name = "CommandFormatError";
  readonly reason: "unknown_version" | "malformed";

  constructor(reason: CommandFormatError["reason"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

export function malformed(what: string, cause?: unknown): CommandFormatError {
  return new CommandFormatError("malformed", `Cannot read log entry: ${what}`, { cause });
}

/** `{ [name]: read(value) }`, or nothing when the value is null or not there. */
export function optional<Name extends string, Value>(
  name: Name,
  value: unknown,
  read: (value: unknown) => Value,
): { [name in Name]?: Value } {
  if (value === null || value === undefined) return {};
  const field: { [name in Name]?: Value } = {};
  field[name] = read(value);
  return field;
}

/** Optional fields at the end of a list: `null` where one is missing before another, else left out. */
export function ending(...values: readonly unknown[]): unknown[] {
  const last = values.findLastIndex((value) => value !== undefined);
  return values.slice(0, last + 1).map((value) => value ?? null);
}

export function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw malformed(`${typeof value} where a list was to be`);
  return value;
}

export function text(value: unknown): string {
  if (typeof value !== "string") throw malformed(`${typeof value} where a text was to be`);
  return value;
}

export function texts(value: unknown): string[] {
  return list(value).map(text);
}

export function number(value: unknown): number {
  if (typeof value !== "number") throw malformed(`${typeof value} where a number was to be`);
  if (!Number.isFinite(value)) throw malformed(`${value} where a number was to be`);
  return value;
}

export function boolean(value: unknown): boolean {
  if (typeof value !== "boolean") throw malformed(`${typeof value} where a yes or no was to be`);
  return value;
}

/** A part of the entry. */
export function binary(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw malformed(`${typeof value} where bytes were to be`);
  return value;
}

export function oneOf<Value extends string>(
  ...values: readonly Value[]
): (value: unknown) => Value {
  return (value) => {
    const found = values.find((known) => known === value);
    if (found === undefined) throw malformed(`${String(value)} is none of ${values.join(", ")}`);
    return found;
  };
}

/** Names and values in turn: no name can become a property by accident. */
export function stringMapToWire(map: StringMap): string[] {
  return Object.entries(map).flat();
}

export function stringMap(value: unknown): StringMap {
  const wire = texts(value);
  if (wire.length % 2 !== 0) throw malformed("a name without a value");
  const pairs: [string, string][] = [];
  for (let at = 0; at < wire.length; at += 2) pairs.push([wire[at]!, wire[at + 1]!]);
  return Object.fromEntries(pairs);
}
