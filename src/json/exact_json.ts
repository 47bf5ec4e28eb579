/**
 * JSON that keeps every digit of its numbers. A JavaScript number has about 16 of them: an id of 64 bits that
 * went through one comes out as the id of something else.
 *
 * @module
 */

/** A number that may be written otherwise by what reads it into a double: long ones, and exponents. */
const LONG_NUMBER = /(?:^|[:,[\s])-?(?:\d[\d.]{15}|\d+(?:\.\d+)?[eE])/;

/** An integer of so many digits that a number may not hold it; digits of a fraction are not meant. */
const LONG_INTEGER = /(?<![.\d])\d{16}/;

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

// The proposal "JSON.parse source text access", which TypeScript's library has not yet. Node 20, on which the
// SDK runs too, has not either: there a number is what it holds.
const parse = JSON.parse as (text: string, reviver: Reviver) => unknown;
const { rawJSON, isRawJSON } = JSON as unknown as {
  rawJSON?(text: string): { readonly rawJSON: string };
  isRawJSON?(value: unknown): value is { readonly rawJSON: string };
};

/**
 * What `JSON.parse` gives, but for numbers that would lose digits: these are objects that `JSON.stringify`
 * writes as they were, and that {@linkcode exactNumber} knows.
 *
 * @param within only in the values of members of this name; left out: everywhere
 * @throws SyntaxError
 */
export function parseExactly(text: string, within?: string): unknown {
  if (rawJSON === undefined || !LONG_NUMBER.test(text)) return JSON.parse(text);
  const exact = parse(text, keepDigits);
  return within === undefined ? exact : plainOutside(within, exact);
}

/** The digits of a number that {@linkcode parseExactly} kept; undefined of anything else. */
export function exactNumber(value: unknown): string | undefined {
  return isRawJSON?.(value) ? value.rawJSON : undefined;
}

/**
 * What `JSON.parse` gives, but for integers that a number cannot hold: these are bigints, to be counted with
 * and compared. A fraction is what a number holds of it.
 *
 * @throws SyntaxError
 */
export function parseBigIntegers(text: string): unknown {
  if (rawJSON === undefined || !LONG_INTEGER.test(text)) return JSON.parse(text);
  return parse(text, asBigInteger);
}

/** A value as {@linkcode parseBigIntegers} gives it, of one that {@linkcode parseExactly} gave. */
export function withBigIntegers(value: unknown): unknown {
  const digits = exactNumber(value);
  if (digits !== undefined) return /^-?\d+$/.test(digits) ? BigInt(digits) : Number(digits);
  if (Array.isArray(value)) return value.map(withBigIntegers);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, withBigIntegers(each)]),
  );
}

/** Whether numbers keep their digits here; Node 20 does not tell what was written. */
export const KEEPS_DIGITS: boolean = rawJSON !== undefined;

/** JSON whose bigints are the integers that they are; texts of their digits where nothing {@linkcode KEEPS_DIGITS}. */
export function stringifyBigIntegers(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, part) => typeof part === "bigint" ? rawJSON?.(String(part)) ?? String(part) : part,
  );
}

/** As `JSON.stringify`, and bigints are the integers that they are. @throws TypeError where that cannot be written */
export function stringifyExactly(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (failure) {
    // Looking at each value would be dear for the many that have none.
    const isOfBigint = failure instanceof TypeError && /BigInt/.test(failure.message);
    if (!KEEPS_DIGITS || !isOfBigint) throw failure;
    return stringifyBigIntegers(value);
  }
}

function asBigInteger(_key: string, value: unknown, { source }: { source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  return source !== undefined && /^-?\d+$/.test(source) ? BigInt(source) : value;
}

function keepDigits(_key: string, value: unknown, { source }: { source?: string }): unknown {
  if (typeof value !== "number" || source === undefined) return value;
  return String(value) !== source && LONG_NUMBER.test(source) ? rawJSON?.(source) : value;
}

function plainOutside(within: string, value: unknown): unknown {
  const digits = exactNumber(value);
  if (digits !== undefined) return Number(digits);
  if (Array.isArray(value)) return value.map((each) => plainOutside(within, each));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      name,
      name === within ? each : plainOutside(within, each),
    ]),
  );
}
