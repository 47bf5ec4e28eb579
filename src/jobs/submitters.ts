import type { JobRecord } from "./job_record.ts";

/** How many unfinished jobs each submitter has: kept with every change, so that nobody counts. */
export class Submitters {
  readonly #unfinished = new Map<string, number>();

  /** Unfinished jobs of this principal. */
  unfinishedOf(submittedBy: string): number {
    return this.#unfinished.get(submittedBy) ?? 0;
  }

  enter({ job: { submittedBy } }: JobRecord): void {
    this.#unfinished.set(submittedBy, this.unfinishedOf(submittedBy) + 1);
  }

  leave({ job: { submittedBy } }: JobRecord): void {
    const left = this.unfinishedOf(submittedBy) - 1;
    if (left === 0) this.#unfinished.delete(submittedBy);
    else this.#unfinished.set(submittedBy, left);
  }
}
