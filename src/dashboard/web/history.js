// @ts-check
/// <reference lib="dom" />
/** The last quarter of an hour, as the master keeps it, continued by its events. */

import { get, isAbort } from "./api.js";

/** @typedef {Record<string, (number | null)[]>} Columns `at_ms` among them, all of one length */

/** What a chart shows at most, in ms: as much as masters keep. */
const SPAN_MS = 15 * 60_000;

export class History {
  /** @type {Columns} */
  columns = { at_ms: [] };
  /** Why it could not be had. @type {unknown} */
  error;
  #pointsMax = 450;

  /** @param {import("./view.js").Context} context */
  constructor(context) {
    const { live, signal } = context;
    this.#load(context);
    live.on("cluster", ({ point }) => {
      if (point !== undefined) this.#append(point);
    }, signal);
    let wasLost = false;
    live.on("state", (state) => {
      // What happened while nobody listened is asked for again.
      if (state === "lost" || state === "resting") wasLost = true;
      else if (state === "open" && wasLost) {
        wasLost = false;
        this.#load(context);
      }
    }, signal);
  }

  /** @param {string} name */
  values(name) {
    return this.columns[name] ?? [];
  }

  /** @returns {readonly number[]} */
  get atMs() {
    return /** @type {number[]} */ (this.values("at_ms"));
  }

  /** @param {import("./view.js").Context} context */
  async #load({ signal, update }) {
    try {
      const answer = await get("history", {}, signal);
      this.columns = answer.columns;
      this.#pointsMax = SPAN_MS / answer.interval_ms;
      this.error = undefined;
    } catch (failure) {
      if (isAbort(failure)) return;
      this.error = failure;
    }
    update();
  }

  /** @param {Readonly<Record<string, number | null>>} point */
  #append(point) {
    const atMs = point["at_ms"];
    if (typeof atMs !== "number" || atMs <= (this.atMs.at(-1) ?? -Infinity)) return;
    const names = new Set([...Object.keys(this.columns), ...Object.keys(point)]);
    const length = this.atMs.length;
    for (const name of names) {
      const column = this.columns[name] ??= new Array(length).fill(null);
      column.push(point[name] ?? null);
      if (column.length > this.#pointsMax) column.shift();
    }
  }
}
