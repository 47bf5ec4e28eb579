/** Thrown when we are wrong, never for what a caller asked: the replica must stop, not guess. */
export class InvariantError extends Error {
  override name = "InvariantError";
}

/** Stops the replica when `condition` does not hold. `message` says what was found, with numbers. */
export function invariant(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw inconsistent(message());
}

/** The same where it is asked for every job: a function that nobody calls is made all the same. */
export function inconsistent(message: string): InvariantError {
  return new InvariantError(`Job state is inconsistent: ${message}`);
}
