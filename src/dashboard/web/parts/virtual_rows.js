// @ts-check
/// <reference lib="dom" />
/**
 * A table of any length that keeps only the rows in sight in the document:
 * `<virtual-rows .rows=${...}>`. The space of the others is held by two rows without cells. The arrow
 * keys, Page Up and Down, Home and End walk along it.
 */

import { html, nothing, render, repeat } from "../lit.js";

/** Must be the height that the style sheet gives a row. */
export const ROW_PX = 36;
/** Rows beyond the edges, so that short scrolls draw nothing. */
const MARGIN = 8;
/** How near to its end more rows are asked for. */
const NEAR_END = 60;

/**
 * @template Row
 * @typedef {object} ListData
 * @property {string} label
 * @property {readonly Row[]} rows
 * @property {number} total with those that are not loaded
 * @property {(row: Row) => string} key
 * @property {import("../view.js").Shown} head the cells of the heading
 * @property {(row: Row) => import("../view.js").Shown} cells the first has a link, which takes the focus
 * @property {() => void} onNearEnd
 */

export class VirtualRows extends HTMLElement {
  /** @type {ListData<any> | undefined} */
  #data;
  /** @type {HTMLElement | undefined} */
  #scroller;
  /** First row that is drawn, and how many are. */
  #from = 0;
  #count = 0;
  #isDrawing = false;
  /** Index of the row that the keys have led to. */
  #active = 0;

  /** @param {ListData<any>} data */
  set data(data) {
    this.#data = data;
    this.#draw();
  }

  get data() {
    return /** @type {ListData<any>} */ (this.#data);
  }

  /** The rows in sight. */
  get inSight() {
    const { rows = [] } = this.#data ?? {};
    return rows.slice(this.#from, this.#from + this.#count);
  }

  get isAtTop() {
    return (this.#scroller?.scrollTop ?? 0) < ROW_PX;
  }

  scrollToTop() {
    this.#scroller?.scrollTo({ top: 0 });
  }

  connectedCallback() {
    const resized = new ResizeObserver(() => this.#drawSoon());
    resized.observe(this);
  }

  #drawSoon() {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      this.#draw();
    });
  }

  #draw() {
    if (this.#data === undefined) return;
    const { label, rows, total, key, head, cells, onNearEnd } = this.#data;
    const top = this.#scroller?.scrollTop ?? 0;
    const height = this.#scroller?.clientHeight || 600;
    // In steps of the margin, so that most scrolls need no new rows.
    const first = Math.floor(top / ROW_PX / MARGIN) * MARGIN;
    this.#from = Math.max(0, Math.min(first - MARGIN, rows.length));
    const until = Math.min(rows.length, first + Math.ceil(height / ROW_PX) + 2 * MARGIN);
    this.#count = Math.max(0, until - this.#from);
    const drawn = rows.slice(this.#from, until);
    const focused = document.activeElement;
    render(
      html`
        <div class="scroller" role="region" aria-label=${label} tabindex="0"
          @scroll=${() => this.#drawSoon()} @keydown=${(/** @type {KeyboardEvent} */ event) =>
            this.#walk(event)}>
          <table aria-rowcount=${total + 1}>
            <caption class="unseen">${label}</caption>
            <thead>
              <tr aria-rowindex="1">${head}</tr>
            </thead>
            <tbody>
              ${space(this.#from)}
              ${repeat(
                drawn,
                key,
                (row, index) =>
                  html`<tr aria-rowindex=${this.#from + index + 2}>${cells(row)}</tr>`,
              )}
              ${space(rows.length - until)}
            </tbody>
          </table>
        </div>
      `,
      this,
    );
    this.#scroller ??= /** @type {HTMLElement} */ (this.querySelector(".scroller"));
    // The row that had the focus is out of sight: the keys go on walking from it.
    if (focused !== null && !focused.isConnected) this.#scroller.focus({ preventScroll: true });
    if (rows.length < total && until > rows.length - NEAR_END) onNearEnd();
  }

  /** @param {KeyboardEvent} event */
  #walk(event) {
    const page = Math.max(1, Math.floor((this.#scroller?.clientHeight ?? 0) / ROW_PX) - 2);
    const last = this.data.rows.length - 1;
    const step =
      { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[
        event.key
      ];
    if (step === undefined || last < 0) return;
    event.preventDefault();
    const isInside = event.target !== this.#scroller;
    const from = isInside ? this.#indexOf(/** @type {Element} */ (event.target)) : this.#active;
    const isFirst = !isInside && Number.isFinite(step) && this.#active === 0 && step > 0;
    this.#active = Math.min(last, Math.max(0, isFirst ? 0 : from + step));
    this.#reveal();
  }

  /** Brings the active row into sight and the focus to its link. */
  #reveal() {
    const scroller = this.#scroller;
    if (scroller === undefined) return;
    const head = ROW_PX;
    const top = this.#active * ROW_PX;
    const sight = scroller.clientHeight - head;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + ROW_PX > scroller.scrollTop + sight) scroller.scrollTop = top + ROW_PX - sight;
    this.#draw();
    const row = scroller.querySelector(`tr[aria-rowindex="${this.#active + 2}"]`);
    /** @type {HTMLElement | null | undefined} */ (row?.querySelector("a"))
      ?.focus({ preventScroll: true });
  }

  /** @param {Element} inside */
  #indexOf(inside) {
    const index = inside.closest("tr")?.getAttribute("aria-rowindex");
    return index === null || index === undefined ? this.#active : Number(index) - 2;
  }
}

customElements.define("virtual-rows", VirtualRows);

/** One cell is enough, and makes no columns that are not there. @param {number} rows */
function space(rows) {
  if (rows <= 0) return nothing;
  return html`
    <tr aria-hidden="true" class="space"
    >
      <td .style=${`height:${rows * ROW_PX}px`}></td>
    </tr>
  `;
}
