/** The third kind of error: we are wrong. Checks stay on in production; see {@linkcode invariant}. */

/** A promise of the algorithm or of a port was broken: the process must stop, and be looked at. */
export class InvariantViolation extends Error {
  override name = "InvariantViolation";
}

/**
 * Stops at the first broken promise instead of limping on with it.
 *
 * @param condition what must hold
 * @param message what was expected, with the numbers; a function is called only on failure
 * @throws {InvariantViolation} when `condition` is false
 */
export function invariant(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) {
    throw new InvariantViolation(typeof message === "string" ? message : message());
  }
}
