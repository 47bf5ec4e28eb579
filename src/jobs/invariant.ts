/** Thrown when we are wrong, never for what a caller asked: the replica must stop, not guess. */
export class InvariantError extends Error {
  override name = "InvariantError";
}

/** Stops the replica when `condition` does not hold. `message` says what was found, with numbers. */
export function invariant(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new InvariantError(`Job state is inconsistent: ${message()}`);
}
