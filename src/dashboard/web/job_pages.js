// @ts-check
/**
 * A long list of jobs, loaded by pages that stay what they are while jobs come and go, and kept
 * current: hints change the status of rows at once, and what changed in sight is asked for again.
 */

import { get, isAbort, path } from "./api.js";
import { UNFINISHED } from "./parts/status.js";

/** @typedef {import("./wire.js").Job} Job */

/** Jobs of the newest page, which is asked for again and again, and of those behind it. */
const PAGE = 200;
const FURTHER_PAGE = 500;
/** Rows that are kept: whoever looks for older ones filters. */
const ROWS_MAX = 50_000;
/** Rows that are asked for one by one in one go. */
const RENEWED_MAX = 40;

/**
 * @typedef {object} PagesOptions
 * @property {string} route `jobs` or `dead-letters`
 * @property {Readonly<Record<string, string>>} filter
 * @property {AbortSignal} signal
 * @property {() => void} onChange
 */

export class JobPages {
  /** @type {Job[]} */
  rows = [];
  total = 0;
  isTotalAtLeast = false;
  isLoading = false;
  isLoaded = false;
  /** @type {unknown} */
  error;
  /** Newer jobs that are not in the list yet. */
  newer = 0;
  /** @type {Map<string, Job>} */
  #byId = new Map();
  /** Jobs of the list of which no more is known than that their status changed. @type {Set<string>} */
  #changed = new Set();
  #next = "";
  #options;

  /** @param {PagesOptions} options */
  constructor(options) {
    this.#options = options;
  }

  get hasMore() {
    return !this.isLoaded || (this.#next !== "" && this.rows.length < ROWS_MAX);
  }

  /** Begins anew, at the newest. */
  async restart() {
    const answer = await this.#ask("");
    if (answer === undefined) return;
    this.#byId.clear();
    this.rows = this.#added(answer.jobs);
    this.newer = 0;
    this.isLoaded = true;
    this.#next = answer.next_cursor;
    this.#options.onChange();
  }

  /** Loads the page behind what is there. */
  async more() {
    if (this.isLoading || this.#next === "" || !this.hasMore) return;
    const cursor = this.#next;
    const answer = await this.#ask(cursor);
    if (answer === undefined) return;
    this.rows = this.rows.concat(this.#added(answer.jobs));
    this.#next = answer.next_cursor;
    this.#options.onChange();
  }

  /**
   * Takes what the master said of jobs.
   *
   * @param {readonly import("./live.js").JobHint[]} hints
   * @returns whether any of them is in the list
   */
  hear(hints) {
    let isKnown = false;
    for (const { id, status } of hints) {
      const row = this.#byId.get(id);
      if (row === undefined || row.status === status) continue;
      row.status = status;
      this.#changed.add(id);
      isKnown = true;
    }
    return isKnown;
  }

  /** That something may have changed of which nobody told: rows in sight are asked for again. */
  doubt() {
    for (const { id, status, dead_letter } of this.rows) {
      if (UNFINISHED.includes(status) || dead_letter) this.#changed.add(id);
    }
  }

  /**
   * Asks again for the newest page, and for those rows in sight that changed.
   *
   * @param {readonly Job[]} inSight
   * @param {{ takesNewer: boolean }} options whether newer jobs go into the list, or are counted only
   */
  async refresh(inSight, { takesNewer }) {
    if (this.isLoading) return;
    const head = await this.#ask("");
    if (head === undefined) return;
    for (const job of head.jobs) this.#renew(job);
    const wanted = inSight.filter(({ id }) => this.#changed.has(id)).slice(0, RENEWED_MAX);
    await Promise.all(wanted.map(({ id }) => this.#askOne(id)));
    this.#takeHead(head, takesNewer);
    this.#options.onChange();
  }

  /**
   * @param {import("./wire.js").JobsAnswer} head
   * @param {boolean} takesNewer
   */
  #takeHead({ jobs, next_cursor: next }, takesNewer) {
    const isNew = (/** @type {Job} */ { id }) => !this.#byId.has(id);
    const lastKnown = jobs.findLast((job) => !isNew(job));
    this.newer = takesNewer ? 0 : jobs.filter(isNew).length;
    if (!takesNewer) return;
    // The newest page goes in front of what is older than it. If it has nothing in common with the
    // list, more than a page came, and the list begins anew rather than have a hole.
    const inHead = new Set(jobs.map(({ id }) => id));
    const isWhole = lastKnown === undefined || next === "";
    const end = isWhole ? this.rows.length : this.rows.findIndex(({ id }) => id === lastKnown.id);
    const older = this.rows.slice(end + 1).filter(({ id }) => !inHead.has(id));
    const newest = jobs.map((job) => this.#byId.get(job.id) ?? { ...job });
    this.rows = newest.concat(older);
    if (isWhole) this.#next = next;
    this.#byId = new Map(this.rows.map((row) => [row.id, row]));
  }

  /** @param {Job} job */
  #renew(job) {
    this.#changed.delete(job.id);
    const row = this.#byId.get(job.id);
    if (row !== undefined) Object.assign(row, job);
  }

  /** @param {string} id */
  async #askOne(id) {
    try {
      const { job } = await get(path`jobs/${id}`, { without_payload: true }, this.#options.signal);
      this.#renew(job);
    } catch (failure) {
      // Forgotten by the cluster meanwhile: the row shows what it last was.
      if (!isAbort(failure)) this.#changed.delete(id);
    }
  }

  /** @param {readonly Job[]} jobs */
  #added(jobs) {
    const rows = jobs.filter(({ id }) => !this.#byId.has(id)).map((job) => ({ ...job }));
    for (const row of rows) this.#byId.set(row.id, row);
    return rows;
  }

  /**
   * @param {string} cursor
   * @returns {Promise<import("./wire.js").JobsAnswer | undefined>} undefined: it was refused, and `error` says why
   */
  async #ask(cursor) {
    const { route, filter, signal, onChange } = this.#options;
    this.isLoading = true;
    try {
      const answer = await get(route, {
        ...filter,
        cursor,
        limit: cursor === "" ? PAGE : FURTHER_PAGE,
      }, signal);
      this.error = undefined;
      this.total = answer.total;
      this.isTotalAtLeast = answer.total_is_at_least === true;
      return answer;
    } catch (failure) {
      if (isAbort(failure)) return undefined;
      this.error = failure;
      onChange();
      return undefined;
    } finally {
      this.isLoading = false;
    }
  }
}
