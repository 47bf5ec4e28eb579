/**
 * Whether somebody offers a type, for those who ask for what nobody would run yet.
 *
 * @module
 */

import type { Admission } from "./admission.ts";

/** What connected workers offer at one moment. */
export class OfferedTypes {
  readonly #offered = new Set<string>();
  #offersAll = false;
  readonly #admission: Pick<Admission, "suggest">;

  constructor(
    workers: Iterable<{ readonly jobTypes: ReadonlySet<string> | null }>,
    admission: Pick<Admission, "suggest">,
  ) {
    this.#admission = admission;
    for (const { jobTypes } of workers) {
      if (jobTypes === null) this.#offersAll = true;
      else for (const type of jobTypes) this.#offered.add(type);
    }
  }

  has(type: string): boolean {
    return this.#offersAll || this.#offered.has(type);
  }

  /** What to say to whoever asked for it; empty when somebody offers it. */
  warning(type: string): string {
    if (this.has(type)) return "";
    const similar = this.#admission.suggest(type);
    const hint = similar === undefined ? "" : ` (did you mean "${similar}"?)`;
    return `no connected worker offers job type "${type}"${hint}; the job waits until one does`;
  }
}
