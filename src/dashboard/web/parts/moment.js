// @ts-check
/** Times in tables and lists: short, with the whole time on hover. */

import { durationText, fullMomentText, momentText, relativeText } from "../format.js";
import { html } from "../lit.js";

const NONE = html`<span class="none">–</span>`;

/** @param {string | undefined} at RFC 3339 */
export function msOf(at) {
  const ms = at === undefined || at === "" ? NaN : Date.parse(at);
  return Number.isNaN(ms) ? undefined : ms;
}

/** @param {string | undefined} at */
export function moment(at) {
  const ms = msOf(at);
  if (ms === undefined) return NONE;
  return html`<time datetime=${at} title=${fullMomentText(ms)}>${momentText(ms)}</time>`;
}

/** @param {string | undefined} at */
export function ago(at) {
  const ms = msOf(at);
  if (ms === undefined) return NONE;
  return html`<time datetime=${at} title=${fullMomentText(ms)}>${relativeText(ms)}</time>`;
}

/**
 * From one time to another, or until now.
 *
 * @param {string | undefined} from
 * @param {string | undefined} to
 */
export function between(from, to) {
  const start = msOf(from);
  if (start === undefined) return NONE;
  return durationText(Math.max(0, (msOf(to) ?? Date.now()) - start));
}

/** @param {unknown} text */
export function orNone(text) {
  return text === undefined || text === null || text === "" ? NONE : String(text);
}
