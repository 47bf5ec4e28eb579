// @ts-check
/// <reference lib="dom" />
/** Tells screen readers what changed: politely, and not more than they can say. */

const GAP_MS = 3_000;

let saidAtMs = -Infinity;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * Says a sentence; of several in a short time the last.
 *
 * @param {string} sentence
 */
export function announce(sentence) {
  clearTimeout(timer);
  const waitMs = Math.max(50, saidAtMs + GAP_MS - performance.now());
  timer = setTimeout(() => {
    saidAtMs = performance.now();
    const region = document.getElementById("polite");
    if (region !== null) region.textContent = sentence;
  }, waitMs);
}
