// @ts-check
/** How full something is, in a bar and in words. */

import { html } from "../lit.js";

/**
 * @param {number} used
 * @param {number} most
 * @param {string} words
 */
export function meter(used, most, words) {
  const share = most > 0 ? Math.min(100, (used / most) * 100) : 0;
  return html`<span class="meter"><span class="track" aria-hidden="true"
    ><span .style=${`width:${share}%`}></span></span><span>${words}</span></span>`;
}
