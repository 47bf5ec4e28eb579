/**
 * Tables as rows of text: cells that span several columns or rows are repeated in each.
 *
 * @module
 */

import type { Cheerio, CheerioAPI } from "cheerio/slim";
import { PermanentJobError } from "../contract.ts";
import { collapsed, type PageDocument } from "./document.ts";

type Selection = Cheerio<Parameters<CheerioAPI["contains"]>[0]>;

/** A table that was read. */
export interface TableData {
  readonly caption: string | null;
  /** One for each column; empty if the table has no head. Of several rows joined by a blank. */
  readonly headers: readonly string[];
  /** All of one length; a short row is filled up with empty texts. */
  readonly rows: readonly (readonly string[])[];
}

/** Spans may multiply cells by thousands. */
const CELLS_MAX = 500_000;

/** As the HTML standard has it. */
const COLUMN_SPAN_MAX = 1_000;
const ROW_SPAN_MAX = 65_534;

/**
 * Reads one table; those inside its cells are text of the cells. Of an element that is no table, the
 * first table in it.
 *
 * @throws {PermanentJobError} for a table of more cells than are held.
 */
export function tableOf(page: PageDocument, given: Selection): TableData {
  const table = given.is("table") ? given : given.find("table").first();
  const { $ } = page;
  const rows = table.children("thead, tbody, tfoot").children("tr").add(table.children("tr"));
  const grid = new Grid();
  const headRows: number[] = [];
  let group: unknown;
  for (const [index, element] of rows.toArray().entries()) {
    const row = $(element);
    if (element.parent !== group) grid.endGroup();
    group = element.parent;
    const cells = row.children("td, th");
    const isHead = row.parent().is("thead") ||
      (cells.length > 0 && cells.toArray().every((cell) => $(cell).is("th")));
    // Only what is above all other rows: a title between them is a row.
    if (isHead && headRows.length === index) headRows.push(index);
    grid.addRow(
      cells.toArray().map((cell) => ({
        text: collapsed($(cell).text()),
        columns: spanOf($(cell).attr("colspan"), COLUMN_SPAN_MAX),
        rows: rowSpanOf($(cell).attr("rowspan")),
      })),
    );
  }
  const all = grid.rows();
  return {
    caption: collapsed(table.children("caption").first().text()) || null,
    headers: headers(headRows.map((index) => all[index] ?? [])),
    rows: all.slice(headRows.length).filter((row) => row.some((text) => text !== "")),
  };
}

/** The rows as objects by their heads; a column without one is `column_3`, a second of a name `name_2`. */
export function recordsOf(table: TableData): readonly Record<string, string>[] {
  const names: string[] = [];
  const width = Math.max(table.headers.length, table.rows[0]?.length ?? 0);
  for (let column = 0; column < width; column++) {
    const own = table.headers[column];
    const name = own || `column_${column + 1}`;
    let unique = name;
    // What is made up is no name that another column has of its own.
    const isAnothers = () => unique !== own && table.headers.includes(unique);
    for (let n = 2; names.includes(unique) || isAnothers(); n++) unique = `${name}_${n}`;
    names.push(unique);
  }
  return table.rows.map((row) =>
    Object.fromEntries(names.map((name, column) => [name, row[column] ?? ""]))
  );
}

interface Cell {
  readonly text: string;
  readonly columns: number;
  readonly rows: number;
}

class Grid {
  readonly #rows: string[][] = [];
  /** By column: what reaches down into the next row, and through how many more. */
  #reaching = new Map<number, { readonly text: string; readonly rows: number }>();
  #cells = 0;

  addRow(cells: readonly Cell[]): void {
    const row: string[] = [];
    const reaching = new Map<number, { readonly text: string; readonly rows: number }>();
    const place = (text: string, rowsLeft: number) => {
      if (++this.#cells > CELLS_MAX) {
        throw new PermanentJobError(
          `A table has more than ${CELLS_MAX} cells; spans count in full.`,
        );
      }
      if (rowsLeft > 0) reaching.set(row.length, { text, rows: rowsLeft });
      row.push(text);
    };
    const takeReaching = () => {
      for (
        let from = this.#reaching.get(row.length);
        from !== undefined;
        from = this.#reaching.get(row.length)
      ) place(from.text, from.rows - 1);
    };
    for (const { text, columns, rows } of cells) {
      takeReaching();
      for (let n = 0; n < columns; n++) place(text, rows - 1);
    }
    takeReaching();
    // A cell from above that stands beyond the row's own end, with a gap before it.
    const beyond = [...this.#reaching.keys()].filter((column) => column >= row.length);
    for (const column of beyond.sort((a, b) => a - b)) {
      while (row.length < column) place("", 0);
      const from = this.#reaching.get(column)!;
      if (row.length === column) place(from.text, from.rows - 1);
    }
    this.#reaching = reaching;
    this.#rows.push(row);
  }

  /** No cell reaches from a head, body or foot into the next, whatever its span says. */
  endGroup(): void {
    this.#reaching.clear();
  }

  rows(): readonly (readonly string[])[] {
    const width = this.#rows.reduce((widest, row) => Math.max(widest, row.length), 0);
    return this.#rows.map((row) => [...row, ...Array(width - row.length).fill("")]);
  }
}

function spanOf(written: string | undefined, most: number): number {
  const span = Number.parseInt(written ?? "1", 10);
  return span > 0 ? Math.min(span, most) : 1;
}

/** 0: to the end of the head, body or foot. */
function rowSpanOf(written: string | undefined): number {
  return Number.parseInt(written ?? "1", 10) === 0 ? ROW_SPAN_MAX : spanOf(written, ROW_SPAN_MAX);
}

function headers(rows: readonly (readonly string[])[]): readonly string[] {
  return (rows[0] ?? []).map((_, column) =>
    [...new Set(rows.map((row) => row[column] ?? ""))].filter((text) => text !== "").join(" ")
  );
}
