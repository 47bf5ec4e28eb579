/**
 * Unfinished jobs in `state.db`. They are in memory, and here only to be loaded when it is opened: so
 * those that came between two flushes lie in pages (`live_pages`) and are not touched again. What
 * changed since has a row in `live`, which holds instead of what the page says; what left, by
 * finishing or because it was forgotten, has its bit in `page_gone`. A page that all have left goes,
 * and so does one that nearly all have left: its stragglers get rows of their own, so that a few jobs
 * that wait for long do not hold the space of many.
 *
 * A small payload is in the page with its job; a large one, and that of a job that is in no page, in
 * the table `payloads`.
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { type LiveJob, SeqList, type StoredJob } from "../jobs/mod.ts";
import { BODY_BYTES_WITH_JOB_MAX, type BodyRows } from "./body_rows.ts";
import { checksumOf, decodeJob, encodeLive, RowDamaged, verify } from "./job_store_rows.ts";
import { type PackedPage, PagePacker, RowPage } from "./row_page.ts";

/** A page is given up when at most one in so many of its jobs is left. */
const STRAGGLERS_PART = 8;

/** Rows in memory at once while the table is read. */
const ROWS_READ_MAX = 1_000;

export class LiveJobs {
  readonly #database: DatabaseSync;
  readonly #bodies: BodyRows;
  readonly #statements: Statements;
  readonly #packer = new PagePacker((page) => this.#insertPage(page));
  /** Undefined until first asked, and after a batch that failed: then the tables tell. */
  #known: Directory | undefined;
  /** The page that was read last. */
  #lastRead: RowPage | undefined;

  constructor(database: DatabaseSync, bodies: BodyRows) {
    this.#database = database;
    this.#bodies = bodies;
    this.#statements = prepareAll(database);
  }

  /** @throws {RowDamaged} when one is missing of which it is known what left it, or the other way round */
  readPages(): void {
    void this.#directory;
  }

  /** In the order of submission. */
  load(): StoredJob[] {
    const jobs: StoredJob[] = [];
    const rows = this.#rows();
    let row = rows.next();
    for (const page of this.#directory.pages.oldest()) {
      const { firstSeq } = page;
      const items = this.#read(firstSeq);
      for (let place = 0; place < items.items; place++) {
        const seq = items.seqAt(place);
        for (; !row.done && row.value.job.seq < seq; row = rows.next()) jobs.push(row.value);
        const isReplaced = !row.done && row.value.job.seq === seq;
        if (!isReplaced && !isGone(page, seq)) jobs.push(decodeJob(items.textAt(place)));
      }
    }
    for (; !row.done; row = rows.next()) jobs.push(row.value);
    return jobs;
  }

  /** How many there are, and how many payloads lie in pages. */
  count(): { readonly jobs: number; readonly payloads: number } {
    let jobs = Number(this.#database.prepare("SELECT count(*) AS n FROM live").get()?.n);
    let payloads = 0;
    for (const page of this.#directory.pages.oldest()) {
      const items = this.#read(page.firstSeq);
      for (let place = 0; place < items.items; place++) {
        const seq = items.seqAt(place);
        if (isGone(page, seq)) continue;
        if (this.#statements.row.get(seq) === undefined) jobs++;
        if (items.hasBlobAt(place)) payloads++;
      }
    }
    return { jobs, payloads };
  }

  /** Whether the job is in a page, and has not left it. */
  isInPage(seq: number): boolean {
    const page = this.#pageOf(seq);
    return page !== undefined && !isGone(page, seq);
  }

  /** A payload that lies in a page. */
  payload(seq: number): Uint8Array | undefined {
    const page = this.#pageOf(seq);
    if (page === undefined || isGone(page, seq)) return undefined;
    const items = this.#read(page.firstSeq);
    const place = items.placeOf(seq);
    return place === undefined ? undefined : items.blobAt(place)?.slice();
  }

  /**
   * New jobs and changed ones, in a transaction; new ones come in the order of their submission.
   *
   * @param payloadOf the payload of a job, where the store has not got it as it is to have it
   */
  put(jobs: readonly LiveJob[], payloadOf: (seq: number) => Uint8Array | undefined): void {
    const known = this.#directory;
    for (const stored of jobs) {
      const { seq } = stored.unmoved ?? stored.job;
      const payload = payloadOf(seq);
      const isSmall = payload !== undefined && payload.byteLength <= BODY_BYTES_WITH_JOB_MAX;
      const isNew = seq > known.lastSeq;
      if (payload !== undefined && !(isNew && isSmall)) this.#bodies.putPayload(seq, payload);
      const detail = encodeLive(stored);
      if (isNew) {
        this.#packer.add(seq, detail, isSmall ? payload : undefined);
        known.lastSeq = seq;
      } else {
        this.#statements.putRow.run(seq, detail, checksumOf(detail));
      }
    }
    this.#packer.finish();
  }

  /** The job is unfinished no more, in a transaction. Its payload is gone if it was in a page. */
  remove(seq: number): void {
    this.#statements.removeRow.run(seq);
    const page = this.#pageOf(seq);
    if (page === undefined || isGone(page, seq)) return;
    const gone = page.gone ??= bitmapOf(page);
    markGone(gone, seq - page.firstSeq);
    page.left--;
    this.#directory.touched.add(page);
  }

  /** Writes which jobs left their pages; the last thing of a transaction. */
  settle(): void {
    const { pages, touched } = this.#directory;
    for (const page of touched) {
      const { firstSeq, gone, items, left } = page;
      if (left * STRAGGLERS_PART > items) {
        if (gone === undefined) continue;
        this.#statements.putGone.run(firstSeq, gone, goneChecksum(firstSeq, gone));
        continue;
      }
      if (left > 0) this.#moveStragglers(page);
      this.#statements.removePage.run(firstSeq);
      this.#statements.removeGone.run(firstSeq);
      pages.remove(firstSeq);
    }
    touched.clear();
  }

  /** The transaction was undone. */
  forget(): void {
    this.#known = undefined;
    this.#lastRead = undefined;
    this.#packer.clear();
  }

  #insertPage({ firstSeq, lastSeq, items, bytes }: PackedPage): void {
    this.#statements.putPage.run(firstSeq, lastSeq, items, checksumOf(bytes), bytes);
    const page: PageState = { firstSeq, lastSeq, items, left: items, gone: undefined };
    if (items < lastSeq - firstSeq + 1) {
      // Numbers that are not in it are as good as gone. Without such a bitmap a page has none.
      const gone = bitmapOf(page).fill(0xff);
      const written = new RowPage(bytes);
      for (let place = 0; place < items; place++) markThere(gone, written.seqAt(place) - firstSeq);
      page.gone = gone;
      this.#directory.touched.add(page);
    }
    this.#directory.pages.add(firstSeq, page);
  }

  #moveStragglers(page: PageState): void {
    const items = this.#read(page.firstSeq);
    for (let place = 0; place < items.items; place++) {
      const seq = items.seqAt(place);
      if (isGone(page, seq)) continue;
      const detail = items.textAt(place);
      const payload = items.blobAt(place);
      this.#statements.addRow.run(seq, detail, checksumOf(detail));
      if (payload !== undefined) this.#bodies.putPayload(seq, payload);
    }
  }

  #pageOf(seq: number): PageState | undefined {
    const page = this.#directory.pages.range(seq);
    return page !== undefined && seq <= page.lastSeq ? page : undefined;
  }

  #read(firstSeq: number): RowPage {
    if (this.#lastRead?.firstSeq === firstSeq) return this.#lastRead;
    const row = this.#statements.page.get(firstSeq) as unknown as PageRow | undefined;
    if (row === undefined) {
      throw new RowDamaged(`the page of jobs from number ${firstSeq} is missing`);
    }
    return this.#lastRead = livePageOf(row);
  }

  get #directory(): Directory {
    return this.#known ??= this.#readDirectory();
  }

  #readDirectory(): Directory {
    const pages = new SeqList<PageState>();
    const gone = new Map(
      (this.#database.prepare("SELECT * FROM page_gone").all() as unknown as GoneRow[])
        .map((row) => [row.first_seq, row]),
    );
    let lastSeq = Number(this.#database.prepare("SELECT max(seq) AS n FROM live").get()?.n ?? 0);
    const heads = this.#database
      .prepare("SELECT first_seq, last_seq, items FROM live_pages ORDER BY first_seq").all();
    for (const head of heads as unknown as Omit<PageRow, "bytes" | "checksum">[]) {
      pages.add(head.first_seq, stateOf(head, gone.get(head.first_seq)));
      gone.delete(head.first_seq);
      lastSeq = Math.max(lastSeq, head.last_seq);
    }
    for (const firstSeq of gone.keys()) {
      throw new RowDamaged(`the page of jobs from number ${firstSeq} is missing`);
    }
    return { pages, touched: new Set(), lastSeq };
  }

  /** The table `live`, in the order of submission. */
  *#rows(): Generator<StoredJob, void> {
    // Not by `iterate`: in Deno 2.9.6 it takes a step that failed for the end of the rows.
    for (let after = 0;;) {
      const rows = this.#statements.rows.all(after) as unknown as LiveRow[];
      for (const row of rows) {
        verifyLiveRow(row);
        yield decodeJob(row.detail);
        after = row.seq;
      }
      if (rows.length < ROWS_READ_MAX) return;
    }
  }
}

/** What is known of the pages without reading them. */
interface Directory {
  readonly pages: SeqList<PageState>;
  /** Pages whose bits differ from their row. */
  readonly touched: Set<PageState>;
  /** The greatest number that a job in a page or in `live` ever had: greater ones are new. */
  lastSeq: number;
}

interface PageState {
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Jobs that were put into it. */
  readonly items: number;
  left: number;
  /** A bit for each number from the first on, set when no job of it is in the page any more. */
  gone: Uint8Array | undefined;
}

interface LiveRow {
  readonly seq: number;
  readonly detail: string;
  readonly checksum: number;
}

interface PageRow {
  readonly first_seq: number;
  readonly last_seq: number;
  readonly items: number;
  readonly checksum: number;
  readonly bytes: Uint8Array;
}

interface GoneRow {
  readonly first_seq: number;
  readonly checksum: number;
  readonly gone: Uint8Array;
}

/** @throws {RowDamaged} */
export function verifyLiveRow({ detail, checksum }: LiveRow): void {
  verify(`job ${detail.slice(0, 60)}`, checksum, detail);
}

/** @throws {RowDamaged} */
export function verifyGoneRow({ first_seq, gone, checksum }: GoneRow): void {
  verify(`what left the page from ${first_seq} on`, checksum, ...goneParts(first_seq, gone));
}

/** @throws {RowDamaged} */
export function livePageOf({ first_seq, last_seq, items, checksum, bytes }: PageRow): RowPage {
  const what = `the page of jobs from number ${first_seq}`;
  verify(what, checksum, bytes);
  const page = new RowPage(bytes);
  const isSame = page.firstSeq === first_seq && page.lastSeq === last_seq && page.items === items;
  if (!isSame) throw new RowDamaged(`${what} is damaged`);
  return page;
}

function stateOf(head: Omit<PageRow, "bytes" | "checksum">, row: GoneRow | undefined): PageState {
  const { first_seq: firstSeq, last_seq: lastSeq, items } = head;
  const page = { firstSeq, lastSeq, items, left: items, gone: row?.gone };
  const numbers = lastSeq - firstSeq + 1;
  if (row !== undefined) {
    verifyGoneRow(row);
    page.left = 0;
    for (let offset = 0; offset < numbers; offset++) if (!isMarked(row.gone, offset)) page.left++;
  }
  // A page from which nothing is gone has no gaps either.
  const isSound = row === undefined ? items === numbers : page.left <= items;
  if (!isSound) throw new RowDamaged(`what left the page of jobs from ${firstSeq} on is missing`);
  return page;
}

function isGone({ firstSeq, gone }: PageState, seq: number): boolean {
  return gone !== undefined && isMarked(gone, seq - firstSeq);
}

function bitmapOf({ firstSeq, lastSeq }: PageState): Uint8Array<ArrayBuffer> {
  return new Uint8Array((lastSeq - firstSeq >> 3) + 1);
}

function isMarked(bits: Uint8Array, offset: number): boolean {
  return (bits[offset >> 3]! & 1 << (offset & 7)) !== 0;
}

function markGone(bits: Uint8Array, offset: number): void {
  bits[offset >> 3]! |= 1 << (offset & 7);
}

function markThere(bits: Uint8Array, offset: number): void {
  bits[offset >> 3]! &= ~(1 << (offset & 7));
}

function goneParts(firstSeq: number, gone: Uint8Array): [string, Uint8Array] {
  return [`${firstSeq} `, gone];
}

function goneChecksum(firstSeq: number, gone: Uint8Array): number {
  return checksumOf(...goneParts(firstSeq, gone));
}

type Statements = Record<keyof typeof SQL, StatementSync>;

const SQL = {
  row: "SELECT 1 FROM live WHERE seq = ?",
  rows: `SELECT * FROM live WHERE seq > ? ORDER BY seq LIMIT ${ROWS_READ_MAX}`,
  putRow: "INSERT OR REPLACE INTO live VALUES (?, ?, ?)",
  addRow: "INSERT OR IGNORE INTO live VALUES (?, ?, ?)",
  removeRow: "DELETE FROM live WHERE seq = ?",
  page: "SELECT * FROM live_pages WHERE first_seq = ?",
  putPage: "INSERT INTO live_pages VALUES (?, ?, ?, ?, ?)",
  removePage: "DELETE FROM live_pages WHERE first_seq = ?",
  putGone: "INSERT OR REPLACE INTO page_gone VALUES (?, ?, ?)",
  removeGone: "DELETE FROM page_gone WHERE first_seq = ?",
} as const;

function prepareAll(database: DatabaseSync): Statements {
  const prepared = Object.entries(SQL).map(([name, sql]) => [name, database.prepare(sql)]);
  return Object.fromEntries(prepared);
}
