/**
 * What clients asked and were told, with times of one monotonic clock.
 *
 * @module
 */

/** One submission, with the id that its payload carries. */
export interface Submission {
  readonly id: string;
  readonly sentMs: number;
  /** When the cluster said that it has the job. */
  ackedMs?: number;
  jobId?: string;
  /** It was refused, or nobody knows: the job may or may not be there. */
  failure?: string;
}

/** An attempt, and the token that fences it. */
export interface Lease {
  readonly attempt: number;
  readonly fencingToken: number;
}

/** One answered linearizable read. */
export type Read =
  & { readonly startedMs: number; readonly endedMs: number; readonly by: string }
  & (
    /** How many jobs there are: only ever more. */
    | { readonly kind: "count"; readonly total: number }
    /** One job that was acknowledged before. */
    | {
      readonly kind: "job";
      readonly jobId: string;
      readonly status: string;
      /** Its latest attempt; undefined: there is no such job. */
      readonly lease?: Lease | undefined;
    }
  );

/** Everything that happened to the clients of one cluster. */
export class History {
  readonly submissions: Submission[] = [];
  readonly reads: Read[] = [];

  /** Submissions that the cluster said it has, as they were told. */
  acknowledged(): (Submission & { ackedMs: number; jobId: string })[] {
    return this.submissions.filter((
      each,
    ): each is Submission & { ackedMs: number; jobId: string } =>
      each.ackedMs !== undefined && each.jobId !== undefined
    );
  }

  /** The longest time, from `sinceMs` on, in which nothing was acknowledged. */
  longestGapMs(sinceMs: number): number {
    const times = this.acknowledged().map((each) => each.ackedMs).filter((ms) => ms >= sinceMs);
    times.sort((a, b) => a - b);
    return times.reduce(
      ({ longest, before }, ms) => ({ longest: Math.max(longest, ms - before), before: ms }),
      { longest: 0, before: sinceMs },
    ).longest;
  }
}
