/**
 * Objects whose names the payload chooses, whichever they are.
 *
 * @module
 */

import { z } from "zod";
import { exactNumber } from "../json/mod.ts";

/** A schema as {@linkcode z.record} makes it, for any name. */
export function recordOf<Value extends z.ZodType>(
  name: z.ZodString,
  value: Value,
): z.ZodRecord<z.ZodString, Value> {
  return new AnyNameRecord({ type: "record", keyType: name, valueType: value }) as z.ZodRecord<
    z.ZodString,
    Value
  >;
}

const PROTO = "__proto__";

/**
 * zod's record passes over `__proto__` without a word, since assigned to an object it would become its
 * prototype. In JSON it is a name like any other; here it is defined, not assigned, and so stays one.
 */
const AnyNameRecord = z.core.$constructor<z.ZodRecord<z.ZodString, z.ZodType>>(
  "AnyNameRecord",
  (schema, definition) => {
    z.ZodRecord.init(schema, definition);
    const parseOthers = schema._zod.parse;
    schema._zod.parse = (payload, context) => {
      const given: unknown = payload.value;
      const digits = exactNumber(given);
      if (digits !== undefined) {
        // A number as `exactNumbersIn` has it is an object for JSON.stringify alone.
        const input = Number(digits);
        payload.issues.push({ code: "invalid_type", expected: "record", input, inst: schema });
        return payload;
      }
      const parsed = parseOthers(payload, context);
      if (typeof given !== "object" || given === null || !Object.hasOwn(given, PROTO)) {
        return parsed;
      }
      const value: unknown = Reflect.get(given, PROTO);
      const own = definition.valueType._zod.run({ value, issues: [] }, context);
      // As zod's own: whoever has such a schema must ask for it to be awaited, and nobody here does.
      if (parsed instanceof Promise || own instanceof Promise) throw new z.core.$ZodAsyncError();
      parsed.issues.push(...z.core.util.prefixIssues(PROTO, own.issues));
      const others = parsed.value as Record<string, unknown>;
      // Each in its place: a table's columns come in the order of its rows' names.
      parsed.value = Object.fromEntries(
        Object.keys(given).map((key) => [key, key === PROTO ? own.value : others[key]]),
      );
      return parsed;
    };
  },
);
