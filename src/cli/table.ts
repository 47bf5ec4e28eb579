/**
 * Plain tables for people: columns aligned, no borders, as wide as the terminal lets them be.
 *
 * @module
 */

import { stripVTControlCharacters } from "node:util";
import stringWidth from "string-width";
import type { Sheet } from "./terminal.ts";

/** A column that may give way where a line has no room for all of it. */
export interface Column {
  readonly title: string;
  /** Cells may be cut to this many places; left out: they are shown whole or not at all. */
  readonly cutTo?: number;
  /** Columns of a higher rank are left out first; left out: 0, which always stays. */
  readonly rank?: number;
}

/** Blanks between columns. */
const GAP = 2;

/**
 * Rows below a head; a cell may be styled, what counts is the room that it takes on a terminal. Too
 * wide for the sheet, cells are cut, the longest first; then whole columns go, and a last line says so.
 */
export function renderTable(
  head: readonly (string | Column)[],
  rows: readonly (readonly string[])[],
  sheet?: Sheet,
): string {
  const columns = head.map((each) => typeof each === "string" ? { title: each } : each);
  const natural = columns.map(({ title }, at) =>
    Math.max(title.length, ...rows.map((row) => widthOf(row[at] ?? "")))
  );
  const widths = fitted(columns, natural, sheet?.columns ?? Number.POSITIVE_INFINITY);
  const shown = columns.flatMap((_, at) => widths[at] === undefined ? [] : [at]);
  const all = [columns.map(({ title }) => title), ...rows];
  const lines = all.map((row) =>
    shown.map((at) => padded(cut(row[at] ?? "", widths[at]!), widths[at]!))
      .join(" ".repeat(GAP)).trimEnd()
  );
  const hidden = columns.filter((_, at) => widths[at] === undefined).map(({ title }) => title);
  if (hidden.length > 0 && rows.length > 0 && sheet?.isCurt !== true) {
    lines.push(sheet!.style.dim(cut(`(--wide shows ${hidden.join(", ")} too)`, sheet!.columns)));
  }
  return lines.join("\n") + "\n";
}

/** Names and values, one a line. */
export function renderPairs(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(...pairs.map(([name]) => widthOf(name)));
  return pairs.map(([name, value]) => `${padded(name, width)}  ${value}`.trimEnd()).join("\n") +
    "\n";
}

/** Places that a text takes on a terminal: two for a wide character, none for a colour. */
export function widthOf(text: string): number {
  // Most cells are ASCII, for which the library's tables need not be asked.
  return /^[\x20-\x7e]*$/.test(text) ? text.length : stringWidth(text);
}

/** As much of a text as `width` places hold; what is cut ends with an ellipsis, and loses its colour. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = "";
  let taken = 0;
  for (const { segment } of GRAPHEMES.segment(stripVTControlCharacters(text))) {
    taken += widthOf(segment);
    if (taken > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: "grapheme" });

function padded(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

/** The width of each column; undefined: it is left out. */
function fitted(
  columns: readonly Column[],
  natural: readonly number[],
  room: number,
): (number | undefined)[] {
  const widths: (number | undefined)[] = [...natural];
  for (;;) {
    const excess = lineWidth(widths) - room;
    if (excess <= 0) return widths;
    if (shrinkOne(columns, widths, excess)) continue;
    const ranked = columns.map(({ rank = 0 }, at) => widths[at] === undefined ? 0 : rank);
    const highest = Math.max(...ranked);
    if (highest === 0) return widths;
    // One is left out, and the others may be as wide as they are again.
    widths[ranked.lastIndexOf(highest)] = undefined;
    natural.forEach((width, at) => widths[at] = widths[at] === undefined ? undefined : width);
  }
}

/** Takes from the widest column that may be cut, until it is as wide as the next one. */
function shrinkOne(
  columns: readonly Column[],
  widths: (number | undefined)[],
  excess: number,
): boolean {
  const able = columns.flatMap(({ title, cutTo }, at) => {
    const width = widths[at];
    const least = cutTo === undefined ? Number.POSITIVE_INFINITY : Math.max(cutTo, title.length);
    return width === undefined || width <= least ? [] : [{ at, width, least }];
  }).sort((a, b) => b.width - a.width);
  const [widest, next] = able;
  if (widest === undefined) return false;
  const down = Math.max(widest.least, Math.min(widest.width - 1, next?.width ?? 0));
  widths[widest.at] = Math.max(down, widest.width - excess);
  return true;
}

function lineWidth(widths: readonly (number | undefined)[]): number {
  const shown = widths.filter((each) => each !== undefined);
  return shown.reduce((sum, each) => sum + each, 0) + GAP * Math.max(0, shown.length - 1);
}
