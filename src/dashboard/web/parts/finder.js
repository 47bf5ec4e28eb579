// @ts-check
/// <reference lib="dom" />
/** Leads from a job's id to its page. The slash key leads to it. */

import { html } from "../lit.js";
import { go, href } from "../router.js";
import { icon } from "./icons.js";

export function finder() {
  const find = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const data = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    const id = String(data.get("id") ?? "").trim();
    if (id !== "") go(href(["jobs", id]));
  };
  return html`
    <form class="finder" role="search" @submit=${find}>
      ${icon("search")}
      <input name="id" type="search" aria-label="Find a job by its id" placeholder="Job id"
        aria-keyshortcuts="/" autocomplete="off" spellcheck="false">
    </form>
  `;
}

addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.closest("input, textarea, select, dialog") !== null) return;
  const field = document.querySelector(".finder input");
  if (!(field instanceof HTMLElement)) return;
  event.preventDefault();
  field.focus();
});
