// @ts-check
/** Small drawings, always beside words. */

import { html, svg } from "../lit.js";

const line = (/** @type {string} */ d) => svg`<path d=${d}></path>`;

/** @type {Readonly<Record<string, import("lit-html").SVGTemplateResult>>} */
const DRAWINGS = {
  logo: svg`
    <rect width="16" height="16" rx="4" fill="currentColor" stroke="none"></rect>
    <path d="M4.6 11.3 11.3 4.7" stroke="var(--surface)" stroke-width="1.5"></path>
    <circle cx="4.6" cy="11.3" r="1.8" fill="var(--surface)" stroke="none"></circle>
    <path d="M5.6 4.8a6.4 6.4 0 0 1 5.7 6.4" stroke="var(--surface)" stroke-width="1.1"
      stroke-dasharray=".1 2.1"></path>
  `,
  overview: line("M2 13.5V9.5M6 13.5V3M10 13.5V6.5M14 13.5V8"),
  jobs: line("M5.5 4h8M5.5 8h8M5.5 12h8M2.5 4h.01M2.5 8h.01M2.5 12h.01"),
  queues: line("M2.5 3.5h11v3h-11zM2.5 9.5h7v3h-7z"),
  batches: line("m8 2 6 3-6 3-6-3zM2 8l6 3 6-3M2 11l6 3 6-3"),
  schedules: line("M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM8 5v3l2 1.5"),
  workers: line("M3 3.5h10v9H3zM5.5 6.5h5v3h-5zM5.5 1.5v2M10.5 1.5v2M5.5 12.5v2M10.5 12.5v2"),
  "dead-letters": line("M2.5 4h11v8.5h-11zM2.5 4.5 8 9l5.5-4.5"),
  audit: line("M8 1.8 13 3.5v4c0 3.2-2.1 5.6-5 6.7-2.9-1.1-5-3.5-5-6.7v-4zM5.8 8l1.6 1.6 3-3.2"),
  "theme-system": line("M2.5 3.5h11v7h-11zM6 13.5h4"),
  "theme-light": line(
    "M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6zM8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M3.4 12.6l.7-.7M11.9 4.1l.7-.7",
  ),
  "theme-dark": line("M13.2 9.8A5.8 5.8 0 0 1 6.2 2.8a5.8 5.8 0 1 0 7 7z"),
  empty: line("M2.5 9 4.5 3.5h7l2 5.5v3.5h-11zM2.5 9h3.2l.8 1.5h3l.8-1.5h3.2"),
  search: line("M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10.3 10.3l3.2 3.2"),
  close: line("m4 4 8 8M12 4l-8 8"),
  back: line("M9.5 3.5 5 8l4.5 4.5"),
  download: line("M8 2.5v7.5M4.8 7 8 10.2 11.2 7M3 13.5h10"),
  // Of statuses: each has a shape of its own, so that colour is not all that tells them apart.
  waiting: line("M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM6.5 6v4M9.5 6v4"),
  pending: line("M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11z"),
  assigned: svg`
    <path d="M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11z"></path>
    <circle cx="8" cy="8" r="2" fill="currentColor" stroke="none"></circle>
  `,
  running: svg`
    <path d="M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11z"></path>
    <path d="M6.7 5.5 10.5 8l-3.8 2.5z" fill="currentColor" stroke="none"></path>
  `,
  completed: line("M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM5.6 8.2l1.7 1.7 3.2-3.6"),
  failed: line("M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM6.2 6.2l3.6 3.6M9.8 6.2 6.2 9.8"),
  cancelled: line("M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM4.3 4.3l7.4 7.4"),
  paused: line("M5.5 3.5v9M10.5 3.5v9"),
};

/** @param {string} name */
export function icon(name) {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${
    DRAWINGS[name] ?? DRAWINGS["pending"]
  }</svg>`;
}
