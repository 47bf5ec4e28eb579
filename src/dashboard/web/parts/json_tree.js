// @ts-check
/// <reference lib="dom" />
/**
 * JSON as a tree that opens and closes: `<json-tree .value=${...}>`. Long lists and texts are shown in parts, and
 * what is closed is not in the document at all, for there may be a million of it.
 */

import { countText } from "../format.js";
import { html, nothing, render } from "../lit.js";
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
  return html`<json-tree class="json" .value=${value}></json-tree>`;
}

class JsonTree extends HTMLElement {
  /** @type {unknown} */
  #value;
  /** Whether the reader opened or closed a node, by its path. @type {Map<string, boolean>} */
  #turned = new Map();

  /** @param {unknown} value */
  set value(value) {
    if (value === this.#value) return;
    this.#value = value;
    this.#draw();
  }

  get value() {
    return this.#value;
  }

  #draw() {
    render(this.#node(undefined, this.#value, []), this);
  }

  /**
   * @param {string | undefined} name
   * @param {unknown} value
   * @param {readonly string[]} path names from the root
   * @returns {import("../view.js").Shown}
   */
  #node(name, value, path) {
    const key = name === undefined ? nothing : html`<span class="key">${name}</span>`;
    if (typeof value !== "object" || value === null || exactNumber(value) !== undefined) {
      return html`<div class="leaf">${key}${scalar(value)}</div>`;
    }
    const entries = Object.entries(value);
    const isList = Array.isArray(value);
    if (entries.length === 0) {
      return html`<div class="leaf">${key}<span class="empty-value">${
        isList ? "[]" : "{}"
      }</span></div>`;
    }
    const address = JSON.stringify(path);
    const isOpen = this.#turned.get(address) ??
      (path.length < OPEN_LEVELS && entries.length <= ENTRIES_SHOWN);
    const turn = (/** @type {Event} */ event) => {
      event.stopPropagation(); // toggling must not reach an outer tree
      const { open } = /** @type {HTMLDetailsElement} */ (event.target);
      if (open === isOpen) return;
      this.#turned.set(address, open);
      this.#draw();
    };
    return html`
      <details ?open=${isOpen} @toggle=${turn}>
        <summary>${key}<span class="size">${sizeText(entries.length, isList)}</span></summary>
        ${isOpen ? this.#inside(entries, path) : nothing}
      </details>
    `;
  }

  /**
   * @param {readonly (readonly [string, unknown])[]} entries
   * @param {readonly string[]} path
   */
  #inside(entries, path) {
    return html`
      <div class="inside">
        ${entries.slice(0, ENTRIES_SHOWN).map(([each, inner]) =>
          this.#node(each, inner, [...path, each])
        )}
        ${entries.length > ENTRIES_SHOWN
          ? html`<p class="size">and ${
            countText(entries.length - ENTRIES_SHOWN)
          } more; the download has all</p>`
          : nothing}
      </div>
    `;
  }
}

customElements.define("json-tree", JsonTree);

/** @param {number} count @param {boolean} isList */
function sizeText(count, isList) {
  const noun = isList ? "item" : "field";
  return `${countText(count)} ${count === 1 ? noun : `${noun}s`}`;
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
