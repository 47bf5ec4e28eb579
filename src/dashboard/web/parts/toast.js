// @ts-check
/// <reference lib="dom" />
/** Short news of what an action did. They leave by themselves; what went wrong stays longer. */

import { announce } from "../announce.js";
import { html, render } from "../lit.js";
import { icon } from "./icons.js";

const STAY_MS = 5_000;
const STAY_FAILED_MS = 12_000;

/** @type {{ text: string, isFault: boolean }[]} */
let shown = [];

/**
 * @param {string} text
 * @param {{ isFault?: boolean }} [options]
 */
export function toast(text, { isFault = false } = {}) {
  const one = { text, isFault };
  shown = [...shown.slice(-2), one];
  announce(text);
  draw();
  setTimeout(() => drop(one), isFault ? STAY_FAILED_MS : STAY_MS);
}

/** @param {{ text: string, isFault: boolean }} one */
function drop(one) {
  shown = shown.filter((other) => other !== one);
  draw();
}

function draw() {
  const place = document.getElementById("toasts");
  if (place === null) return;
  render(
    shown.map((one) =>
      html`
        <div class="toast ${one.isFault ? "bad" : "good"}">
          ${icon(one.isFault ? "failed" : "completed")}<p>${one.text}</p>
          <button class="quiet icon-only" type="button" aria-label="Dismiss"
            @click=${() => drop(one)}>${icon("close")}</button>
        </div>
      `
    ),
    place,
  );
}
