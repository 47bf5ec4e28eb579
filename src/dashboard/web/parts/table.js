// @ts-check
/** Tables of moderate length: a caption for those who listen, headings, cells; wide ones scroll. */

import { html, nothing, repeat } from "../lit.js";

/**
 * @template Row
 * @typedef {object} Column
 * @property {string} name
 * @property {(row: Row) => import("../view.js").Shown | import("../view.js").Shown[]} cell
 * @property {boolean} [isNumber]
 * @property {boolean} [isHead] names the row
 * @property {boolean} [isBare] its heading is for listeners alone
 * @property {boolean} [isMinor] left out where there is little room
 */

/**
 * @template Row
 * @param {string} caption
 * @param {readonly Column<Row>[]} columns
 * @param {readonly Row[]} rows
 * @param {(row: Row, index: number) => unknown} [key] What makes a row the same when others come and go, so that
 *   a button that has the focus does not become another row's; left out: its place
 */
export function table(caption, columns, rows, key = (_, index) => index) {
  return html`
    <div class="table" role="region" aria-label=${caption} tabindex="0">
      <table>
        <caption class="unseen">${caption}</caption>
        <thead>
          <tr>${columns.map((column) =>
            html`<th scope="col" class=${classOf(column)}>${
              column.isBare ? html`<span class="unseen">${column.name}</span>` : column.name
            }</th>`
          )}</tr>
        </thead>
        <tbody>${repeat(
          rows,
          key,
          (row) =>
            html`<tr>${
              columns.map((column) =>
                column.isHead
                  ? html`<th scope="row" class=${classOf(column)}>${column.cell(row)}</th>`
                  : html`<td class=${classOf(column)}>${column.cell(row)}</td>`
              )
            }</tr>`,
        )}</tbody>
      </table>
    </div>
  `;
}

/** @param {Column<any>} column */
function classOf({ isNumber, isMinor, isBare }) {
  const names = [isNumber && "number", isMinor && "minor", isBare && "actions"].filter(Boolean);
  return names.length === 0 ? nothing : names.join(" ");
}

/**
 * Names with their values.
 *
 * @param {readonly (readonly [string, import("../view.js").Shown | import("../view.js").Shown[]])[]} facts
 */
export function factList(facts) {
  return html`<dl class="facts">${
    facts.map(([name, value]) =>
      html`
        <div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>
      `
    )
  }</dl>`;
}
