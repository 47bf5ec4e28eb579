/**
 * What a handler says its payload must be: a schema of any library that validates as most do.
 *
 * @module
 */

import type { PayloadIssue } from "../job_types/light.ts";

/**
 * The part of Standard Schema (https://standardschema.dev, version 1) that is relied upon: zod, valibot,
 * arktype and others have it.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** What every such schema has. */
  readonly "~standard": {
    readonly validate: (
      value: unknown,
    ) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What it answers: the value, or what is wrong with it. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

/** One thing that is wrong, and where. */
export interface StandardIssue {
  /** What, in words. */
  readonly message: string;
  /** The keys that lead there. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Anything with zod's `safeParse`, of any version. */
export interface SafeParseSchema<Output> {
  /** The value, or what is wrong with it. */
  safeParse(value: unknown):
    | { readonly success: true; readonly data: Output }
    | {
      readonly success: false;
      readonly error: { readonly issues?: readonly PayloadIssue[]; readonly message?: string };
    };
}

/** A schema of either make, or a function that returns the payload or throws what is wrong with it. */
export type PayloadSchema<Input, Output> =
  | StandardSchema<Input, Output>
  | SafeParseSchema<Output>
  | ((value: unknown) => Output);

/** A payload that was accepted, or all that is wrong with it. */
export type Validated<Output> =
  | { readonly ok: true; readonly payload: Output }
  | { readonly ok: false; readonly issues: readonly PayloadIssue[] };

/** Holds a value against a schema. A schema that throws has found one fault. */
export async function validated<Output>(
  schema: PayloadSchema<never, Output>,
  value: unknown,
): Promise<Validated<Output>> {
  try {
    // Before the standard: what it says of a fault is less than zod's own issues, which name the kind.
    const standard = "~standard" in schema ? schema as StandardSchema<never, Output> : undefined;
    if ("safeParse" in schema) {
      const result = standard === undefined ? schema.safeParse(value) : atOnce(schema, value);
      if (result !== undefined) return ofSafeParse(result);
    }
    if (standard !== undefined) return ofStandard(await standard["~standard"].validate(value));
    return { ok: true, payload: (schema as (value: unknown) => Output)(value) };
  } catch (failure) {
    return { ok: false, issues: [{ code: "custom", message: messageOf(failure) }] };
  }
}

/** Undefined for a schema of which a part answers with a promise: zod throws then. */
function atOnce<Output>(
  schema: SafeParseSchema<Output>,
  value: unknown,
): ReturnType<SafeParseSchema<Output>["safeParse"]> | undefined {
  try {
    return schema.safeParse(value);
  } catch {
    // If it threw for another reason, that is thrown again by the standard's way, and told.
    return undefined;
  }
}

function ofStandard<Output>(result: StandardResult<Output>): Validated<Output> {
  if (result.issues === undefined) return { ok: true, payload: result.value };
  return {
    ok: false,
    issues: result.issues.map(({ message, path = [] }) => ({
      code: "custom",
      message,
      path: path.map((each) => typeof each === "object" ? each.key : each),
    })),
  };
}

function ofSafeParse<Output>(
  result: ReturnType<SafeParseSchema<Output>["safeParse"]>,
): Validated<Output> {
  if (result.success) return { ok: true, payload: result.data };
  const { issues = [], message = "it is not valid" } = result.error;
  return { ok: false, issues: issues.length > 0 ? issues : [{ code: "custom", message }] };
}

function messageOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}
