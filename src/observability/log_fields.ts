/**
 * Fields as a log line can hold them: bounded, and free of what JSON cannot say.
 *
 * @module
 */

/** Longest text kept of one field, in UTF-16 units; a payload is not for the log. */
export const FIELD_LENGTH_MAX = 8_192;
/** Causes told of one error: enough for any honest chain, and an end for a circular one. */
const CAUSES_MAX = 8;

/**
 * A copy of `fields` with values that pino renders without surprises.
 *
 * @param withStacks adds `stack` where a field is an error of the program itself.
 */
export function plainFields(
  fields: Readonly<Record<string, unknown>>,
  withStacks: boolean,
): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    plain[plainName(name)] = plainValue(value);
    if (withStacks && value instanceof Error && plain.stack === undefined) {
      plain.stack = bounded(String(value.stack ?? ""));
    }
  }
  return plain;
}

/** `__proto__` would not become a field but the prototype of them all. */
function plainName(name: string): string {
  return name === "__proto__" ? "field___proto__" : bounded(name);
}

function plainValue(value: unknown): unknown {
  switch (typeof value) {
    case "string":
      return bounded(value);
    case "number":
      // JSON would make them null, and a gap says less than the word.
      return Number.isFinite(value) ? value : String(value);
    case "boolean":
      return value;
    case "object":
      return value === null ? null : plainObject(value);
    default:
      return bounded(String(value));
  }
}

function plainObject(value: object): unknown {
  if (value instanceof Error) return describeError(value);
  if (ArrayBuffer.isView(value)) return `<${value.byteLength} bytes>`;
  try {
    const text = JSON.stringify(value, (_name, inner) => {
      if (typeof inner === "bigint") return String(inner);
      if (inner instanceof Error) return describeError(inner);
      if (ArrayBuffer.isView(inner)) return `<${inner.byteLength} bytes>`;
      return inner;
    });
    if (text === undefined) return String(value);
    if (text.length > FIELD_LENGTH_MAX) return bounded(text);
    return JSON.parse(text);
  } catch (failure) {
    return `<cannot be written: ${describeError(failure)}>`;
  }
}

/** An error in one line: its message, and those of its causes. */
export function describeError(failure: unknown): string {
  const parts: string[] = [];
  for (let each = failure; each !== undefined && parts.length < CAUSES_MAX;) {
    if (!(each instanceof Error)) {
      parts.push(String(each));
      break;
    }
    parts.push(each.message === "" ? each.name : each.message);
    each = each.cause;
  }
  return bounded(parts.join(": "));
}

function bounded(text: string): string {
  if (text.length <= FIELD_LENGTH_MAX) return text;
  return `${text.slice(0, FIELD_LENGTH_MAX)}… (${text.length - FIELD_LENGTH_MAX} more)`;
}
