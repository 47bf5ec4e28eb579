/**
 * Values that JSON would lose without a word.
 *
 * @module
 */

/** Kinds of objects of which JSON has nothing, or the bytes of which it has as an object of numbers. */
const LOST_KINDS: ReadonlySet<string> = new Set([
  ...[
    "Map",
    "Set",
    "WeakMap",
    "WeakSet",
    "Error",
    "Promise",
    "Blob",
    "File",
    "FormData",
    "Headers",
  ],
  ...["Generator", "AsyncGenerator", "Iterator Helper", "Map Iterator", "Set Iterator"],
  ...["Array Iterator", "WeakRef", "URLSearchParams"],
  ...["ReadableStream", "Response", "Request", "DataView", "SharedArrayBuffer", "RegExp"],
  ...["Int8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array"],
  ...["Float16Array", "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array"],
]);

/** The kind of such a value, as `Map`; undefined of a value of which `json`, what was made of it, has something. */
export function lostKindOf(value: unknown, json: string | undefined): string | undefined {
  if (typeof value !== "object" || value === null || "toJSON" in value) return undefined;
  if (json !== "{}" && !ArrayBuffer.isView(value)) return undefined;
  return kindOf(value);
}

/**
 * Where within `value` something is of which `json`, what was made of it, has nothing, as `a Promise at "data"`. The
 * first one; undefined: there is none.
 */
export function lostWithin(value: unknown, json: string): string | undefined {
  // Whatever is lost leaves this; most values have none.
  if (!json.includes("{}")) return undefined;
  let lost: string | undefined;
  JSON.stringify(value, (key, each: unknown) => {
    if (lost !== undefined || typeof each !== "object" || each === null) return each;
    if (ArrayBuffer.isView(each) || Object.keys(each).length > 0) return each;
    const kind = kindOf(each);
    if (kind !== undefined) lost = `a ${kind} at ${JSON.stringify(key)}`;
    return each;
  });
  return lost;
}

function kindOf(value: object): string | undefined {
  const kind = Object.prototype.toString.call(value).slice("[object ".length, -1);
  return LOST_KINDS.has(kind) ? kind : undefined;
}
