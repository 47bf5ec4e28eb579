/**
 * Conditions on rows as a payload writes them.
 *
 * @module
 */

import { z } from "zod";

/** Deepest nesting of `and`, `or` and `not`. */
const FILTER_DEPTH_MAX = 32;

/** The name of a column. */
export const columnName = z.string().min(1).max(1_024);
const conditionColumn = columnName.describe(
  "By the name of its header; a group's by its result's.",
);

/** A cell to compare with. Integers beyond 2^53 are written as strings of digits. */
const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);

/** Comparisons with one value. */
const comparisons = ["eq", "ne", "lt", "lte", "gt", "gte"] as const;

/** Comparisons with a piece of text, upper and lower case distinct. */
const textComparisons = ["contains", "starts_with", "ends_with"] as const;

const comparison = z.strictObject({
  column: conditionColumn,
  op: z.enum(comparisons).describe(
    "eq and ne with null are is_null and not_null; no other comparison matches a null.",
  ),
  value: scalar.describe("Compared as the column's type; dates as ISO 8601 text."),
});
const textComparison = z.strictObject({
  column: conditionColumn,
  op: z.enum(textComparisons).describe("Upper and lower case are distinct."),
  value: z.string().describe("The piece of text."),
});
const membership = z.strictObject({
  column: conditionColumn,
  op: z.enum(["in", "not_in"]).describe("Neither matches a null."),
  value: z.array(z.union([z.string(), z.number(), z.boolean()])).max(10_000)
    .describe("Compared as the column's type."),
});
const range = z.strictObject({
  column: conditionColumn,
  op: z.literal("between"),
  value: z.tuple([z.union([z.string(), z.number()]), z.union([z.string(), z.number()])])
    .describe("From and to, both included."),
});
const nullness = z.strictObject({
  column: conditionColumn,
  op: z.enum(["is_null", "not_null"]).describe("Whether there is a value."),
});

const singleCondition = z.discriminatedUnion("op", [
  comparison,
  textComparison,
  membership,
  range,
  nullness,
]);

/** One comparison of a column. */
export type SingleCondition = z.infer<typeof singleCondition>;

/** A condition on a row; a list of them must all hold. */
export type Condition =
  | SingleCondition
  | { readonly and: readonly Condition[] }
  | { readonly or: readonly Condition[] }
  | { readonly not: Condition };

const condition: z.ZodType<Condition> = z.lazy(() =>
  z.union([
    singleCondition,
    z.strictObject({ and: z.array(condition).min(1).max(1_000).describe("All must hold.") }),
    z.strictObject({ or: z.array(condition).min(1).max(1_000).describe("One must hold.") }),
    z.strictObject({ not: condition }),
  ])
).describe("A comparison, or several joined by and, or, not; not: it must not hold.");
/** One condition, or a list of which all must hold; always a list afterwards. */
export const conditions = z.preprocess(
  refuseDeepNesting,
  z.union([condition, z.array(condition).min(1).max(1_000)]).transform((given) =>
    Array.isArray(given) ? given : [given]
  ),
);

/** Before the recursive schema walks it: a depth that would end the walk with a full stack. */
function refuseDeepNesting(value: unknown, context: z.RefinementCtx): unknown {
  if (nestingOf(value) <= FILTER_DEPTH_MAX * 2) return value;
  context.addIssue({
    code: "custom",
    message: `conditions are nested more than ${FILTER_DEPTH_MAX} deep`,
  });
  return z.NEVER;
}

function nestingOf(root: unknown): number {
  let level = [root];
  for (let depth = 0; depth <= FILTER_DEPTH_MAX * 2; depth++) {
    level = level.flatMap((value) =>
      typeof value === "object" && value !== null ? Object.values(value) : []
    );
    if (level.length === 0) return depth;
  }
  return Infinity;
}
