// @ts-check
/** The frame of a view: its heading, what one can do, its parts. */

import { html, nothing } from "../lit.js";
import { icon } from "./icons.js";

/** @typedef {import("../view.js").Shown} Shown */

/**
 * @param {Shown} title
 * @param {{ note?: Shown, actions?: Shown | readonly Shown[], back?: readonly [string, string] }} [options]
 *   back: where to, and its name
 */
export function heading(title, { note = nothing, actions = nothing, back } = {}) {
  return html`
    ${back === undefined
      ? nothing
      : html`<p class="back"><a href=${back[0]}>${icon("back")}${back[1]}</a></p>`}
    <div class="heading">
      <h1 tabindex="-1">${title}</h1>
      <div class="note">${note}</div>
      <div class="actions">${actions}</div>
    </div>
  `;
}

/**
 * The only part of a view, which has its heading already.
 *
 * @param {string} title for those who listen
 * @param {Shown} content
 */
export function barePanel(title, content) {
  return html`<section class="panel bare" aria-label=${title}>${content}</section>`;
}

/**
 * @param {string} title
 * @param {Shown | readonly Shown[]} content
 * @param {{ note?: Shown, actions?: Shown, className?: string }} [options]
 */
export function panel(title, content, { note = nothing, actions = nothing, className = "" } = {}) {
  return html`
    <section class="panel ${className}" aria-label=${title}>
      <div class="panel-head"><h2>${title}</h2><div class="note">${note}</div>${actions}</div>
      ${content}
    </section>
  `;
}
