/**
 * Plain tables for people: columns aligned, no borders.
 *
 * @module
 */

import { stripVTControlCharacters } from "node:util";

/** Rows below a head; a cell may be styled, `widths` are of what is seen. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) =>
    Math.max(...all.map((row) => visibleLength(row[column] ?? "")))
  );
  const lines = all.map((row) =>
    row.map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - visibleLength(cell)))
      .join("  ").trimEnd()
  );
  return lines.join("\n") + "\n";
}

/** Names and values, one a line. */
export function renderPairs(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${value}`.trimEnd()).join("\n") +
    "\n";
}

function visibleLength(text: string): number {
  return stripVTControlCharacters(text).length;
}
