import type { JobRecord } from "./job_record.ts";
import { scopedName } from "./namespace.ts";

/** How many unfinished jobs each submitter has in each namespace: kept with every change. */
export class Submitters {
  readonly #unfinished = new Map<string, number>();

  /** @param client the principal, as a {@linkcode scopedName} of its namespace */
  unfinishedOf(client: string): number {
    return this.#unfinished.get(client) ?? 0;
  }

  enter({ common: { namespace, submittedBy } }: JobRecord): void {
    const client = scopedName(namespace, submittedBy);
    this.#unfinished.set(client, this.unfinishedOf(client) + 1);
  }

  leave({ common: { namespace, submittedBy } }: JobRecord): void {
    const client = scopedName(namespace, submittedBy);
    const left = this.unfinishedOf(client) - 1;
    if (left === 0) this.#unfinished.delete(client);
    else this.#unfinished.set(client, left);
  }
}
