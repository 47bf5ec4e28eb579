/** The arithmetic of majorities; `quorum_test.ts` compares it with a naive twin. */

/** How many of `count` voters make a majority. */
export function majority(count: number): number {
  return Math.floor(count / 2) + 1;
}

/**
 * The largest value that a majority has reached. Used for commit (values: match indices) and for
 * reads (values: confirmed rounds). No voters: 0, for nothing can be decided.
 */
export function quorumValue(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const descending = [...values].sort((a, b) => b - a);
  return descending[majority(values.length) - 1] ?? 0;
}

/** How a vote stands. */
export type VoteResult = "won" | "lost" | "pending";

/** Counts only the votes of `voters`; an answer from anybody else has no weight. */
export function voteResult(
  voters: readonly string[],
  votes: ReadonlyMap<string, boolean>,
): VoteResult {
  let granted = 0;
  let refused = 0;
  for (const voter of voters) {
    const vote = votes.get(voter);
    if (vote === true) granted++;
    if (vote === false) refused++;
  }
  const needed = majority(voters.length);
  if (voters.length > 0 && granted >= needed) return "won";
  return voters.length - refused < needed ? "lost" : "pending";
}
