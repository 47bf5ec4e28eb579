/**
 * Whether somebody offers a type, for those who ask for what nobody would run yet.
 *
 * @module
 */

import { namespaceOf, type SubmitSpec } from "../jobs/mod.ts";
import { type Demand, offers, serves, type TaggedWorker, tagsMissing } from "../scheduler/mod.ts";
import type { Admission } from "./admission.ts";

/** The part of a submission that says who may run it. */
type Submitted = Pick<SubmitSpec, "type" | "namespace" | "requiredTags" | "options">;

/** What connected workers offer at one moment. */
export class OfferedTypes {
  readonly #offered = new Set<string>();
  #offersAll = false;
  readonly #areConfined: boolean;
  readonly #admission: Pick<Admission, "suggest">;
  readonly #workers: readonly TaggedWorker[];
  /** What was said of demands before: the many jobs of a call mostly ask for the same. */
  readonly #said = new Map<string, string>();
  readonly #saidOfTypes = new Map<string, string>();

  constructor(
    workers: Iterable<TaggedWorker>,
    admission: Pick<Admission, "suggest">,
  ) {
    this.#admission = admission;
    this.#workers = [...workers];
    this.#areConfined = this.#workers.some(({ namespaces }) => namespaces !== null);
    for (const { jobTypes } of this.#workers) {
      if (jobTypes === null) this.#offersAll = true;
      else for (const type of jobTypes) this.#offered.add(type);
    }
  }

  has(type: string): boolean {
    return this.#offersAll || this.#offered.has(type);
  }

  /** What to say to whoever asked for it; empty when somebody offers it there and has the tags. */
  warning(spec: Submitted): string {
    const { type, requiredTags = {}, options } = spec;
    const { tagRules = [] } = options ?? {};
    const namespace = namespaceOf(spec);
    if (this.has(type)) return this.#tagWarning({ type, namespace, requiredTags, tagRules });
    let warning = this.#saidOfTypes.get(type);
    if (warning === undefined) {
      const similar = this.#admission.suggest(type);
      const hint = similar === undefined ? "" : ` (did you mean "${similar}"?)`;
      warning =
        `no connected worker offers job type "${type}"${hint}; the job waits until one does`;
      this.#saidOfTypes.set(type, warning);
    }
    return warning;
  }

  #tagWarning(demand: Demand): string {
    const asksNothing = demand.tagRules.length === 0 &&
      Object.keys(demand.requiredTags).length === 0;
    if (asksNothing && !this.#areConfined) return "";
    const { type, namespace, requiredTags, tagRules } = demand;
    const key = JSON.stringify([type, namespace, requiredTags, tagRules]);
    const before = this.#said.get(key);
    if (before !== undefined) return before;
    const missing = this.#isServed(demand)
      ? tagsMissing(demand, this.#workers)
      : `no connected worker that offers job type "${type}" gets jobs of namespace "${namespace}"`;
    const warning = missing === undefined ? "" : `${missing}; the job waits until one does`;
    this.#said.set(key, warning);
    return warning;
  }

  #isServed({ type, namespace }: Demand): boolean {
    return this.#workers.some((worker) => serves(worker, namespace) && offers(worker, type));
  }
}
