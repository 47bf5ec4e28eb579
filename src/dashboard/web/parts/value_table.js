// @ts-check
/** Rows of data that a job handed back, as a table. */

import { countText } from "../format.js";
import { html, nothing } from "../lit.js";
import { exactNumber } from "./exact_json.js";

const ROWS_SHOWN = 200;
const COLUMNS_SHOWN = 50;

/**
 * @param {string} caption
 * @param {readonly string[]} columns
 * @param {readonly (readonly unknown[])[]} rows
 */
export function valueTable(caption, columns, rows) {
  const shown = columns.slice(0, COLUMNS_SHOWN);
  const cuts = [
    ...cutText(rows.length, ROWS_SHOWN, "rows"),
    ...cutText(
      columns.length,
      COLUMNS_SHOWN,
      "columns",
    ),
  ];
  return html`
    <div class="table values" role="region" aria-label=${caption} tabindex="0">
      <table>
        <caption class="unseen">${caption}</caption>
        <thead>
          <tr>${shown.map((name) => html`<th scope="col">${name}</th>`)}</tr>
        </thead>
        <tbody>${rows.slice(0, ROWS_SHOWN).map((row) =>
          html`<tr>${shown.map((_, index) => cell(row[index]))}</tr>`
        )}</tbody>
      </table>
    </div>
    ${cuts.length === 0
      ? nothing
      : html`<p class="foot">${cuts.join(", ")}; the download has all.</p>`}
  `;
}

/** @param {number} count @param {number} shown @param {string} noun */
function cutText(count, shown, noun) {
  return count > shown ? [`${countText(shown)} of ${countText(count)} ${noun}`] : [];
}

/** Long ones are cut, and whole on hover. @param {unknown} value */
function cell(value) {
  if (value === null || value === undefined) return html`<td class="none">–</td>`;
  const text = textOf(value);
  return html`<td class=${
    typeof value === "number" || exactNumber(value) !== undefined ? "number" : nothing
  } title=${text}>${text}</td>`;
}

/** As short as it can be read; digits that were kept are an id's. @param {unknown} value */
export function textOf(value) {
  if (typeof value === "number" && !Number.isInteger(value)) {
    return String(Number(value.toPrecision(8)));
  }
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/**
 * Reads CSV as far as it is shown: quoted fields, quotes within them, line ends of any kind.
 *
 * @param {string} text
 * @param {number} [rowsMax]
 * @returns {string[][]}
 */
export function csvRows(text, rowsMax = ROWS_SHOWN + 2) {
  /** @type {string[][]} */
  const rows = [];
  /** @type {string[]} */
  let row = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|\r|$)/gy;
  while (field.lastIndex < text.length && rows.length < rowsMax) {
    const match = field.exec(text);
    if (match === null) break; // a quote where none belongs: the rest is not shown
    const [, quoted, plain = "", end] = match;
    row.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === ",") continue;
    rows.push(row);
    row = [];
  }
  return rows;
}
