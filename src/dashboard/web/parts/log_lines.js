// @ts-check
/// <reference lib="dom" />
/** What a job logs, as it comes. */

import { path, urlOf } from "../api.js";
import { counted } from "../format.js";
import { html, nothing } from "../lit.js";
import { openStream } from "../stream.js";
import { unsealed } from "./sealed.js";

const LINES_MAX = 5_000;

/** @typedef {{ lines: readonly string[], first_line: number, attempt: number }} LogEvent */

export class LogFollower {
  /** @type {{ number: number, text: string }[]} */
  lines = [];
  attempt = 0;
  isOver = false;
  /** The reader is at the end, and wants to stay there. */
  isAtEnd = true;
  #context;

  /**
   * @param {import("../view.js").Context} context
   * @param {string} jobId
   */
  constructor(context, jobId) {
    this.#context = context;
    openStream(urlOf(path`jobs/${jobId}/logs/stream`), {
      signal: context.signal,
      onState: (state) => {
        if (state === "ended") this.isOver = true;
        context.update();
      },
      on: { log: ({ log }) => this.#take(log) },
    });
  }

  /** @param {LogEvent} event */
  #take({ lines, first_line, attempt }) {
    if (attempt !== this.attempt) this.lines = [];
    this.attempt = attempt;
    const next = (this.lines.at(-1)?.number ?? 0) + 1;
    const first = Number(first_line) || next;
    lines.forEach((text, index) => {
      // Lines that are sent again after a break are known by their number.
      if (first + index >= next) this.lines.push({ number: first + index, text });
    });
    if (this.lines.length > LINES_MAX) this.lines = this.lines.slice(-LINES_MAX);
    this.#context.update();
  }
}

/** @param {LogFollower} log */
export function logLines(log) {
  if (log.lines.length === 0) {
    return html`<p class="none">${log.isOver ? "It logged nothing." : "Nothing yet."}</p>`;
  }
  const cut = (log.lines[0]?.number ?? 1) - 1;
  const scrolled = (/** @type {Event} */ event) => {
    const { scrollTop, scrollHeight, clientHeight } = /** @type {Element} */ (event.target);
    log.isAtEnd = scrollTop + clientHeight > scrollHeight - 8;
  };
  if (log.isAtEnd) requestAnimationFrame(scrollToEnd);
  return html`
    ${cut > 0 ? html`<p class="foot">${counted(cut, "earlier line")} not kept</p>` : nothing}
    <div class="log" role="log" aria-label="Log" aria-live="off" tabindex="0" @scroll=${scrolled}>
      <table>
        <tbody>${log.lines.map(({ number, text }) =>
          html`
            <tr>
              <td class="line-number" aria-hidden="true">${number}</td>
              <td>${unsealed(text)}</td>
            </tr>
          `
        )}</tbody>
      </table>
    </div>
  `;
}

function scrollToEnd() {
  const log = document.querySelector(".log");
  if (log !== null) log.scrollTop = log.scrollHeight;
}
