// @ts-check
/** A job's status: a shape, a word and a colour. */

import { countText } from "../format.js";
import { html, nothing } from "../lit.js";
import { icon } from "./icons.js";

export const STATUSES = /** @type {const} */ ([
  "waiting",
  "pending",
  "assigned",
  "running",
  "completed",
  "failed",
  "cancelled",
]);
export const UNFINISHED = /** @type {readonly string[]} */ (STATUSES.slice(0, 4));

/** @param {string} status */
function toneOf(status) {
  return /** @type {readonly string[]} */ (STATUSES).includes(status) ? status : "pending";
}

/**
 * @param {string} status
 * @param {string} [note] beside it, such as why a job is a dead letter
 */
export function statusBadge(status, note = "") {
  const tone = toneOf(status);
  return html`<span class="badge tone-${tone}">${icon(tone)}${status}${
    note === "" ? nothing : html`<span class="note">${note}</span>`
  }</span>`;
}

/** @type {Readonly<Record<string, string>>} */
const TONES = {
  active: "completed",
  answers: "completed",
  enabled: "completed",
  healthy: "completed",
  draining: "pending",
  paused: "pending",
  disconnected: "failed",
  silent: "failed",
  degraded: "failed",
  leaderless: "failed",
  leader: "running",
  ended: "cancelled",
};

/**
 * A badge for what is no job.
 *
 * @param {string} word
 */
export function standingBadge(word) {
  const tone = TONES[word] ?? "cancelled";
  return html`<span class="badge tone-${tone}">${
    icon(word === "paused" ? "paused" : tone)
  }${word}</span>`;
}

/**
 * How many jobs are where, as a bar with its numbers in words for those who don't see it.
 *
 * @param {Readonly<Record<string, number>>} counts by status
 * @param {readonly string[]} [statuses]
 */
export function countsBar(counts, statuses = STATUSES) {
  const there = statuses.map((status) => ({ status, count: counts[status] ?? 0 }))
    .filter(({ count }) => count > 0);
  const label = there.length === 0
    ? "no jobs"
    : there.map(({ status, count }) => `${countText(count)} ${status}`).join(", ");
  return html`
    <span class="bar" role="img" aria-label=${label} title=${label}>
      ${there.map(({ status, count }) =>
        html`<span class="tone-${status}" .style=${`flex-grow:${count}`}></span>`
      )}
    </span>
  `;
}
