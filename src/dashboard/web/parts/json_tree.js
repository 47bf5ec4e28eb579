// @ts-check
/// <reference lib="dom" />
/** JSON as a tree that opens and closes. Long lists and texts are shown in parts. */

import { countText } from "../format.js";
import { html, nothing } from "../lit.js";
import { exactNumber } from "./exact_json.js";

const ENTRIES_SHOWN = 100;
const TEXT_SHOWN = 2_000;
/** Levels that are open at first. */
const OPEN_LEVELS = 2;

/**
 * @param {unknown} value
 * @returns {import("../view.js").Shown}
 */
export function jsonTree(value) {
  return html`<div class="json">${node(undefined, value, 0)}</div>`;
}

/**
 * @param {string | undefined} name
 * @param {unknown} value
 * @param {number} level
 * @returns {import("../view.js").Shown}
 */
function node(name, value, level) {
  const key = name === undefined ? nothing : html`<span class="key">${name}</span>`;
  if (typeof value !== "object" || value === null || exactNumber(value) !== undefined) {
    return html`<div class="leaf">${key}${scalar(value)}</div>`;
  }
  const entries = Object.entries(value);
  const isList = Array.isArray(value);
  const size = `${countText(entries.length)} ${
    isList ? (entries.length === 1 ? "item" : "items") : (entries.length === 1 ? "field" : "fields")
  }`;
  if (entries.length === 0) {
    return html`<div class="leaf">${key}<span class="empty-value">${
      isList ? "[]" : "{}"
    }</span></div>`;
  }
  return html`
    <details ?open=${level < OPEN_LEVELS && entries.length <= ENTRIES_SHOWN} @toggle=${fill}>
      <summary>${key}<span class="size">${size}</span></summary>
      <div class="inside">
        ${entries.slice(0, ENTRIES_SHOWN).map(([each, inner]) => node(each, inner, level + 1))}
        ${entries.length > ENTRIES_SHOWN
          ? html`<p class="size">and ${
            countText(entries.length - ENTRIES_SHOWN)
          } more; the download has all</p>`
          : nothing}
      </div>
    </details>
  `;
}

/** Toggling must not reach an outer tree. @param {Event} event */
function fill(event) {
  event.stopPropagation();
}

/** @param {unknown} value */
function scalar(value) {
  const digits = exactNumber(value);
  if (typeof value !== "string") {
    return html`<span class="scalar">${digits ?? String(value)}</span>`;
  }
  const shown = value.length > TEXT_SHOWN ? `${value.slice(0, TEXT_SHOWN)}…` : value;
  return html`<span class="text">${shown}</span>${
    value.length > TEXT_SHOWN
      ? html`<span class="size"> ${countText(value.length)} characters</span>`
      : nothing
  }`;
}
