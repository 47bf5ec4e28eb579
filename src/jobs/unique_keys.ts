import type { JobOptions } from "./job_options.ts";
import type { JobRecord } from "./job_record.ts";
import { namespaceOf, scopedName } from "./namespace.ts";

/** Which unfinished job has a unique key; at most one has. */
export class UniqueKeys {
  readonly #holders = new Map<string, JobRecord>();

  enter(record: JobRecord): void {
    const key = uniqueKeyOf(record.common);
    if (key !== undefined) this.#holders.set(key, record);
  }

  leave(record: JobRecord): void {
    const key = uniqueKeyOf(record.common);
    if (key !== undefined && this.#holders.get(key) === record) this.#holders.delete(key);
  }

  /** The unfinished job that has the key. */
  holder(key: string): JobRecord | undefined {
    return this.#holders.get(key);
  }
}

/** The unique key of a job among those of its submitter and namespace; undefined: it has none. */
export function uniqueKeyOf(
  job: {
    readonly namespace?: string;
    readonly submittedBy?: string;
    readonly options?: Partial<JobOptions>;
  },
): string | undefined {
  const key = job.options?.uniqueKey;
  if (!key) return undefined;
  return JSON.stringify([scopedName(namespaceOf(job), job.submittedBy ?? ""), key]);
}
