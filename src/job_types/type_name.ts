/**
 * What a job type may be called.
 *
 * @module
 */

/** Two job types want the same name, or a name is none. */
export class JobTypeNameError extends Error {
  override name = "JobTypeNameError";
}

/** What a name may be: it appears in URLs, metrics and file names. */
const NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;

/** @throws {JobTypeNameError} that says what a name may be. */
export function requireJobTypeName(name: unknown): asserts name is string {
  if (typeof name === "string" && NAME.test(name)) return;
  throw new JobTypeNameError(
    `${JSON.stringify(name) ?? String(name)} cannot be a job type's name; ` +
      "use a letter and up to 63 more letters, digits, _, . or -.",
  );
}
