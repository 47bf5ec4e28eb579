/**
 * How many entries a payload has in objects that a schema takes any names in. There is no other bound
 * on them than the payload's bytes, and a schema takes seconds for as many wrong ones as two megabytes
 * hold, while nothing else of a master runs; so they are counted before it is asked.
 *
 * @module
 */

import { exactNumber } from "../json/mod.ts";

/** More headers, selectors and variables in all than any job has a use for. */
const NAMED_ENTRIES_MAX = 2_000;
/** In shorter payloads there are not enough to hold anybody up: some 50 ms. */
const HARMLESS_BYTES_MAX = 16 * 1024;
/** Longer lists have too many items for their schemas, which say so without a look at each. */
const ITEMS_LOOKED_AT_MAX = 1_000;

/** What we use of a schema of zod 4; of other kinds of schemas nothing is known. */
interface Schema {
  readonly _zod?: {
    readonly def?: Definition;
    /** Of a lazy one, made once: its getter makes another one whenever it is asked. */
    readonly innerType?: Schema;
  };
}
interface Definition {
  readonly type?: string;
  readonly shape?: Readonly<Record<string, Schema>>;
  readonly valueType?: Schema;
  readonly element?: Schema;
  readonly innerType?: Schema;
  readonly in?: Schema;
  readonly options?: readonly Schema[];
}

/** What is wrong with a payload of so many bytes, whatever its entries are. */
export function widthFault(schema: object, json: unknown, bytes: number): string | undefined {
  if (bytes <= HARMLESS_BYTES_MAX) return undefined;
  const entries = namedEntries(schema, json);
  if (entries > NAMED_ENTRIES_MAX) {
    return `it has ${entries} entries with names of its own; it may have ${NAMED_ENTRIES_MAX}`;
  }
  const items = strayItems(schema, json);
  return items > NAMED_ENTRIES_MAX
    ? `it has a list with ${items} items that are no objects`
    : undefined;
}

/** How many items of a list of records are none, of which a schema says each by itself. */
function strayItems(schema: Schema, json: unknown): number {
  const { def } = schema._zod ?? {};
  if (def === undefined || typeof json !== "object" || json === null) return 0;
  const { shape, element, options = [] } = def;
  if (Array.isArray(json) && element !== undefined) {
    return element._zod?.def?.type === "record" ? sum(json, (item) => isRecord(item) ? 0 : 1) : 0;
  }
  if (shape !== undefined && !Array.isArray(json)) {
    const lists = Object.entries(json).filter(([name]) => Object.hasOwn(shape, name));
    return sum(lists, ([name, value]) => strayItems(shape[name]!, value));
  }
  const inner = innerOf(schema);
  if (inner !== undefined) return strayItems(inner, json);
  return options.reduce((most, option) => Math.max(most, strayItems(option, json)), 0);
}

function isRecord(item: unknown): boolean {
  const isNumber = exactNumber(item) !== undefined;
  return typeof item === "object" && item !== null && !Array.isArray(item) && !isNumber;
}

/** What a schema wraps, if it wraps one. */
function innerOf({ _zod: { def, innerType } = {} }: Schema): Schema | undefined {
  return innerType ?? def?.innerType ?? def?.in;
}

/** At least how many there are: what is too many already is not looked into. */
function namedEntries(schema: Schema, json: unknown): number {
  const { def } = schema._zod ?? {};
  if (def === undefined || typeof json !== "object" || json === null) return 0;
  const { type, shape, valueType, element, options = [] } = def;
  if (Array.isArray(json)) {
    if (element !== undefined) {
      return json.length > ITEMS_LOOKED_AT_MAX
        ? 0
        : sum(json, (item) => namedEntries(element, item));
    }
  } else if (type === "record" && valueType !== undefined) {
    // What may be anything costs its schema nothing.
    if (valueType._zod?.def?.type === "unknown") return 0;
    const values = Object.values(json);
    return values.length > NAMED_ENTRIES_MAX
      ? values.length
      : values.length + sum(values, (value) => namedEntries(valueType, value));
  } else if (shape !== undefined) {
    return sum(
      Object.entries(json),
      ([name, value]) => Object.hasOwn(shape, name) ? namedEntries(shape[name]!, value) : 0,
    );
  }
  const inner = innerOf(schema);
  if (inner !== undefined) return namedEntries(inner, json);
  return options.reduce((most, option) => Math.max(most, namedEntries(option, json)), 0);
}

function sum<Each>(list: readonly Each[], count: (each: Each) => number): number {
  return list.reduce((total, each) => total + count(each), 0);
}
