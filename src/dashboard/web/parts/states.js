// @ts-check
/** What a view shows in place of data: that it is loading, that there is none, or what went wrong. */

import { messageOf } from "../api.js";
import { html, nothing } from "../lit.js";
import { icon } from "./icons.js";

/** @param {number} [lines] */
export function loadingBox(lines = 4) {
  return html`
    <div class="loading" role="status">
      <span class="unseen">Loading</span>
      ${Array.from({ length: lines }, () => html`<div class="bone" aria-hidden="true"></div>`)}
    </div>
  `;
}

/**
 * @param {string} sentence
 * @param {import("../view.js").Shown} [hint] what to do about it
 */
export function emptyBox(sentence, hint = nothing) {
  return html`<div class="empty">${icon("empty")}<p>${sentence}</p>${hint}</div>`;
}

/**
 * @param {unknown} failure
 * @param {() => void} [retry]
 */
export function faultBox(failure, retry) {
  return html`
    <div class="fault" role="alert">
      ${icon("failed")}
      <p>${messageOf(failure)}</p>
      ${retry === undefined
        ? nothing
        : html`<button type="button" @click=${retry}>Try again</button>`}
    </div>
  `;
}

/**
 * What went wrong with a job, in its own words.
 *
 * @param {string} text
 */
export function errorText(text) {
  return html`<p class="error">${text}</p>`;
}

/**
 * The data of a feed, or what stands in its place. Data that could not be renewed stays, with a word.
 *
 * @template Data
 * @param {import("../feed.js").Feed<Data>} feed
 * @param {(data: Data) => import("../view.js").Shown} look
 */
export function fed(feed, look) {
  const fault = feed.error === undefined ? nothing : faultBox(feed.error, () => feed.reload());
  if (feed.data === undefined) return feed.error === undefined ? loadingBox() : fault;
  return html`${fault}${look(feed.data)}`;
}
