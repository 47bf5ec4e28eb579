// @ts-check
/// <reference lib="dom" />
/**
 * A small line chart over time: `<line-chart .data=${...}>`. The lines are SVG that stretches; words and
 * numbers are HTML beside it, so that they don't. Pointing at it, or the arrow keys, tell the numbers
 * of one moment.
 */

import { momentText } from "../format.js";
import { html, nothing, render, svg } from "../lit.js";
import { HEIGHT, linesOf, topOf, WIDTH } from "./chart_scale.js";

/** Grid lines, the lowest not among them. */
const STEPS = 2;

/**
 * @typedef {object} Series
 * @property {string} name
 * @property {string} tone class suffix that gives the colour
 * @property {"solid" | "dashed" | "dotted"} [stroke] so that colour is not all
 * @property {boolean} [isFilled]
 * @property {readonly (number | null)[]} values one for each time
 */

/**
 * @typedef {object} ChartData
 * @property {string} title
 * @property {readonly number[]} atMs
 * @property {readonly Series[]} series
 * @property {(value: number) => string} format
 */

export class LineChart extends HTMLElement {
  /** @type {ChartData | undefined} */
  #data;
  /** @type {number | undefined} */
  #pointed;

  connectedCallback() {
    this.tabIndex = 0;
    this.setAttribute("role", "img");
    this.addEventListener("pointermove", (event) => this.#point(event));
    this.addEventListener("pointerleave", () => this.#show(undefined));
    this.addEventListener("blur", () => this.#show(undefined));
    this.addEventListener("keydown", (event) => this.#step(event));
  }

  /** @param {ChartData} data */
  set data(data) {
    this.#data = data;
    this.setAttribute("aria-label", summaryOf(data));
    this.#draw();
  }

  get data() {
    return /** @type {ChartData} */ (this.#data);
  }

  /** @param {PointerEvent} event */
  #point(event) {
    const plot = this.querySelector(".plot svg")?.getBoundingClientRect();
    const last = (this.#data?.atMs.length ?? 0) - 1;
    if (plot === undefined || last < 0) return;
    const share = Math.min(1, Math.max(0, (event.clientX - plot.left) / plot.width));
    this.#show(Math.round(share * last));
  }

  /** @param {KeyboardEvent} event */
  #step(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const last = (this.#data?.atMs.length ?? 0) - 1;
    if (by === undefined || last < 0) return;
    event.preventDefault();
    this.#show(Math.min(last, Math.max(0, (this.#pointed ?? last + (by < 0 ? 1 : 0)) + by)));
  }

  /** @param {number | undefined} pointed */
  #show(pointed) {
    if (this.#pointed === pointed) return;
    this.#pointed = pointed;
    this.#draw();
  }

  #draw() {
    if (this.#data === undefined) return;
    const { series, atMs, format } = this.#data;
    const top = topOf(series);
    const pointed = this.#pointed === undefined
      ? undefined
      : Math.min(this.#pointed, atMs.length - 1);
    const at = atMs[pointed ?? atMs.length - 1];
    render(
      html`
        <div class="legend">
          ${series.map(({ name, tone, stroke = "solid", values }) =>
            html`
              <span class="tone-${tone}"
              ><svg class="key" viewBox="0 0 18 4" aria-hidden="true"
                            ><path class="line ${stroke}" d="M0 2h18"></path></svg
                          ><span>${name}</span> <b>${valueText(values, pointed, format)}</b></span>
            `
          )}
          <span class="at">${at === undefined
            ? "no data yet"
            : pointed === undefined
            ? "now"
            : momentText(at)}</span>
        </div>
        <div class="plot">
          <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true">
            ${grid()}
            ${series.map((one) => drawing(one, top))}
            ${pointed === undefined ? nothing : mark(pointed, atMs.length)}
          </svg>
          <span class="most" aria-hidden="true">${format(top)}</span>
          <span class="middle" aria-hidden="true">${format(top / 2)}</span>
        </div>
        <div class="times" aria-hidden="true">
          <span>${atMs[0] === undefined ? "" : momentText(atMs[0])}</span>
          <span>${atMs.length < 2 ? "" : momentText(/** @type {number} */ (atMs.at(-1)))}</span>
        </div>
      `,
      this,
    );
  }
}

customElements.define("line-chart", LineChart);

function grid() {
  return Array.from({ length: STEPS + 1 }, (_, step) => {
    const y = (HEIGHT * step) / STEPS;
    return svg`<path class="grid" d=${`M0 ${y}H${WIDTH}`}></path>`;
  });
}

/** @param {Series} series @param {number} top */
function drawing({ values, tone, stroke = "solid", isFilled = false }, top) {
  const lines = linesOf(values, top);
  const areas = isFilled
    ? lines.map(({ d, from, to }) => `${d}L${to} ${HEIGHT}L${from} ${HEIGHT}Z`).join("")
    : "";
  return svg`<g class="tone-${tone}">
    ${areas === "" ? nothing : svg`<path class="area" d=${areas}></path>`}
    <path class="line ${stroke}" d=${lines.map(({ d }) => d).join("")}></path>
  </g>`;
}

/** @param {number} index @param {number} count */
function mark(index, count) {
  const x = count < 2 ? WIDTH : (index / (count - 1)) * WIDTH;
  return svg`<path class="mark" d=${`M${x} 0V${HEIGHT}`}></path>`;
}

/**
 * @param {readonly (number | null)[]} values
 * @param {number | undefined} index undefined: the latest that there is
 * @param {(value: number) => string} format
 */
function valueText(values, index, format) {
  const value = index === undefined ? values.at(-1) : values[index];
  return value === null || value === undefined ? "–" : format(value);
}

/** @param {ChartData} data */
function summaryOf({ title, series, format }) {
  return `${title}. Now: ${
    series.map(({ name, values }) => `${name} ${valueText(values, undefined, format)}`).join(", ")
  }`;
}
