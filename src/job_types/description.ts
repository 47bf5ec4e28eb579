/**
 * A job type as people and programs can read it: what it takes, what it hands back, where it ends.
 *
 * @module
 */

import { z, type ZodType } from "zod";
import type { Isolation, JobType, TypeExample, TypeLimit } from "./contract.ts";
import type { JsonSchema } from "./schema_outline.ts";

/** What there is to know of a type. The schemas are JSON Schema, draft 2020-12. */
export interface JobTypeDescription {
  readonly name: string;
  readonly summary: string;
  readonly isolation: Isolation;
  /** What may be written as a payload; `{}` takes anything. */
  readonly payload: JsonSchema;
  /** Absent where the type does not say what it hands back. */
  readonly result?: JsonSchema;
  readonly limits: readonly TypeLimit[];
  /** The first one is what `conductor job-types show` submits. */
  readonly examples: readonly TypeExample[];
}

/** Describes `type` by its own schemas. */
export function describeJobType(type: JobType): JobTypeDescription {
  const { name, summary, isolation, payloadSchema, resultSchema, limits = [] } = type;
  return {
    name,
    summary,
    isolation,
    payload: jsonSchemaOf(payloadSchema, "input"),
    ...(resultSchema === undefined ? {} : { result: jsonSchemaOf(resultSchema, "output") }),
    limits,
    examples: [{ title: "An example", payload: type.example }, ...(type.examples ?? [])],
  };
}

/**
 * @param side `input`: what may be written, before defaults are filled in; `output`: what comes of it.
 */
function jsonSchemaOf(schema: ZodType, side: "input" | "output"): JsonSchema {
  return z.toJSONSchema(schema, {
    io: side,
    // A rule that JSON Schema has no words for is left out; the worker knows it all the same.
    unrepresentable: "any",
    override: ({ jsonSchema }) => {
      // zod bounds every integer by what a double holds exactly, which nobody asked it to say.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    },
  }) as JsonSchema;
}
