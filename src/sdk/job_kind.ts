/**
 * A job type's name with the types of what it is given and what it leaves, which client and worker share.
 *
 * @module
 */

/** A kind of job, for the compiler to hold payloads and results against. `Input` and `Output` are JSON. */
export interface JobKind<Input, Output> {
  /** The job type. */
  readonly name: string;
  /** For the compiler alone; there is no such property. */
  readonly kinds?: { readonly input: Input; readonly output: Output };
}

/** Names a kind of job whose handler is elsewhere: `jobKind<{ url: string }, { bytes: number }>("fetch")`. */
export function jobKind<Input, Output>(name: string): JobKind<Input, Output> {
  return { name };
}
