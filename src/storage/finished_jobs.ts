/**
 * Finished jobs in `state.db`: those that finished one after the other lie in pages (`finished_pages`), and
 * what lists narrow by is in memory (`finished_index.ts`). The last page is filled up before another is begun.
 * A page that jobs leave is written anew without them, and what is left of it, if that is little, moves to the
 * last one.
 *
 * Files of formats up to 4 have a row for each, in `finished`. Those stay where they are: pages without
 * bytes have their heads, which were made when the file was opened first.
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { DEFAULT_NAMESPACE, hash32, type Job, queueOf, type StoredJob } from "../jobs/mod.ts";
import { FinishedIndex } from "./finished_index.ts";
import { FinishedKinds } from "./finished_kinds.ts";
import {
  encodeHeads,
  type FinishedBodies,
  type FinishedHead,
  FinishedHeads,
  FinishedPacker,
  FinishedPage,
  type PackedFinished,
} from "./finished_page.ts";
import { OldFinishedRows } from "./finished_rows.ts";
import type { JobNames } from "./job_store_names.ts";
import {
  checksumOf,
  decodeJob,
  encodeFinished,
  RowDamaged,
  statusNumber,
  verify,
} from "./job_store_rows.ts";

/** A page with fewer bytes than this is given up when jobs leave it. */
const PAGE_BYTES_MIN = 4_000;
/** A page with more bytes than this is not filled up. */
const PAGE_BYTES_FULL = 15_500;
/** Pages in memory that were read last: half a megabyte. */
const PAGES_KEPT_MAX = 32;
/** Heads of pages in memory at once while the table is read. */
const PAGES_READ_MAX = 500;

export class FinishedJobs {
  readonly #database: DatabaseSync;
  readonly #names: JobNames;
  readonly #statements: Statements;
  readonly #rows: OldFinishedRows;
  readonly #packer = new FinishedPacker((page) => this.#putPage(this.#number++, page));
  /** Undefined until first asked: then the tables tell. */
  #known: Known | undefined;
  /** The page that is being packed. */
  #number = 0;
  /** Whether the last page was looked at in this batch. */
  #isPacking = false;
  /** Jobs that leave with this batch, by their pages. */
  readonly #leaving = new Map<number, Set<number>>();
  /** Pages that were read last, the latest at the end; undefined: one without bytes. */
  readonly #read = new Map<number, FinishedPage | undefined>();

  constructor(database: DatabaseSync, names: JobNames) {
    this.#database = database;
    this.#names = names;
    this.#statements = prepareAll(database);
    this.#rows = new OldFinishedRows(database);
  }

  get index(): FinishedIndex {
    return this.#directory.index;
  }

  get kinds(): FinishedKinds {
    return this.#directory.kinds;
  }

  /** Reads what is asked for from memory. */
  load(): void {
    void this.#directory;
  }

  /** In the order of `seq`; for tests. */
  all(): StoredJob[] {
    const all = { kinds: this.kinds.matching(() => true), worker: undefined };
    return this.index.seqs({ ...all, seqMin: 0, seqMax: Infinity }, false)
      .map((seq) => this.bySeq(seq)!).toArray();
  }

  byId(id: string): StoredJob | undefined {
    for (const seq of this.index.candidates(hash32(id))) {
      const stored = this.bySeq(seq);
      if (stored?.job.id === id) return stored;
    }
    return undefined;
  }

  bySeq(seq: number): StoredJob | undefined {
    const page = this.index.pageOf(seq);
    if (page === undefined) return undefined;
    const text = this.#at(page, seq, (read, place) => read.textAt(place));
    return text === undefined ? this.#rows.job(seq) : decodeJob(text);
  }

  /** Of a job that is there, without reading the whole of it. */
  idOf(seq: number): string {
    const text = this.#at(this.index.pageOf(seq)!, seq, (read, place) => read.textAt(place));
    return text === undefined ? this.#rows.job(seq).job.id : idIn(text);
  }

  /** Payload and result that lie with the job; undefined: there is no such job. */
  bodiesOf(seq: number): Omit<FinishedBodies, "text"> | undefined {
    const page = this.index.pageOf(seq);
    if (page === undefined) return undefined;
    return this.#at(page, seq, (read, place) => read.bodiesAt(place)) ?? this.#rows.bodies(seq);
  }

  /** A job that finished, in a transaction. */
  put(stored: StoredJob, bodies: Omit<FinishedBodies, "text">): void {
    const head = this.#headOf(stored.job);
    this.#refuseTwice(stored.job);
    this.#pack();
    this.#packer.add(head, { ...bodies, text: encodeFinished(stored) });
    this.index.put(head, this.#number);
  }

  /** The job is there no more, in a transaction; before jobs are put. */
  remove(seq: number): void {
    const page = this.index.pageOf(seq)!;
    const leaving = this.#leaving.get(page) ?? new Set();
    this.#leaving.set(page, leaving.add(seq));
    this.index.remove(seq);
  }

  /** All jobs of the batch that were removed; before others are put. */
  settleRemoved(): void {
    // The last page takes up what is left of others: so it comes first.
    const { last } = this.#directory.pages;
    const ofLast = this.#leaving.get(last);
    if (ofLast !== undefined) this.#shrinkPage(last, ofLast);
    for (const [number, seqs] of this.#leaving) {
      if (number !== last) this.#shrinkPage(number, seqs);
    }
    this.#leaving.clear();
  }

  /** The last thing of a transaction. */
  settle(): void {
    this.#packer.finish();
    this.#isPacking = false;
    const known = this.#directory;
    const { index: { count: jobs }, pages } = known;
    if (pages.count === pages.written.pages && jobs === pages.written.jobs) return;
    this.#statements.putTotals.run(pages.count, jobs, checksumOf(`${pages.count} ${jobs}`));
    known.pages = { ...pages, written: { pages: pages.count, jobs } };
  }

  /** The transaction is committed. */
  keep(): void {
    const known = this.#directory;
    known.index.keep();
    known.kept = known.pages;
  }

  /** The transaction was undone. */
  forget(): void {
    if (this.#known !== undefined) {
      const { index, kept } = this.#known;
      index.takeBack();
      this.#known = { index, kinds: new FinishedKinds(this.#database), pages: kept, kept };
    }
    this.#isPacking = false;
    this.#packer.clear();
    this.#leaving.clear();
    this.#read.clear();
  }

  /**
   * Reads every page, and says how many payloads and results lie with jobs.
   * @throws {RowDamaged} when something is missing
   */
  countBodies(): { readonly payloads: number; readonly results: number } {
    let { jobs: rows, payloads, results } = this.#rows.countBodies();
    for (const { number } of this.#statements.numbers.all() as unknown as { number: number }[]) {
      const page = this.#page(number);
      if (page === undefined) rows -= this.#headsOf(number).jobs;
      for (let place = 0; place < (page?.heads.jobs ?? 0); place++) {
        const { payload, output } = page!.bodiesAt(place);
        if (payload !== undefined) payloads++;
        if (output !== undefined) results++;
      }
    }
    if (rows !== 0) throw new RowDamaged("rows of finished jobs are missing, or are too many");
    return { payloads, results };
  }

  /** Begins pages of a batch with the last one, if there is room in it. */
  #pack(): void {
    if (this.#isPacking) return;
    this.#isPacking = true;
    const { last, isLastThere } = this.#directory.pages;
    const page = isLastThere ? this.#page(last) : undefined;
    if (page === undefined || page.byteLength > PAGE_BYTES_FULL) {
      this.#number = last + 1;
      return;
    }
    this.#number = last;
    for (let place = 0; place < page.heads.jobs; place++) {
      this.#packer.add(page.heads.at(place), page.bodiesAt(place));
    }
  }

  #putPage(number: number, { headBytes, bytes }: PackedFinished): void {
    const known = this.#directory;
    this.#writePage(number, headBytes, bytes);
    this.#read.delete(number);
    const { pages } = known;
    if (number <= pages.last) return;
    known.pages = { ...pages, count: pages.count + 1, last: number, isLastThere: true };
  }

  #writePage(number: number, headBytes: Uint8Array, bytes: Uint8Array | null): void {
    this.#statements.putPage.run(
      number,
      checksumOf(`${number} `, headBytes),
      headBytes,
      bytes === null ? 0 : checksumOf(`${number} `, bytes),
      bytes,
    );
  }

  #shrinkPage(number: number, seqs: ReadonlySet<number>): void {
    const page = this.#page(number);
    const heads = page?.heads ?? this.#headsOf(number);
    const places = [...Array(heads.jobs).keys()].filter((place) => !seqs.has(heads.seqAt(place)));
    if (places.length + seqs.size !== heads.jobs) {
      throw new RowDamaged(`page ${number} of finished jobs is damaged`);
    }
    this.#read.delete(number);
    if (page === undefined) {
      for (const seq of seqs) this.#rows.remove(seq);
      if (places.length === 0) this.#removePage(number);
      else this.#writePage(number, encodeHeads(places.map((place) => heads.at(place))), null);
      return;
    }
    if (page.byteLength * places.length / heads.jobs >= PAGE_BYTES_MIN) {
      const packer = new FinishedPacker((packed) =>
        this.#writePage(number, packed.headBytes, packed.bytes)
      );
      for (const place of places) packer.add(heads.at(place), page.bodiesAt(place));
      packer.finish();
      return;
    }
    this.#removePage(number);
    for (const place of places) {
      this.#pack();
      this.#packer.add(heads.at(place), page.bodiesAt(place));
      this.index.move(heads.seqAt(place), this.#number);
    }
  }

  #removePage(number: number): void {
    this.#statements.removePage.run(number);
    const known = this.#directory;
    const { pages } = known;
    const isLastThere = pages.isLastThere && number !== pages.last;
    known.pages = { ...pages, count: pages.count - 1, isLastThere };
  }

  #headOf(job: Job): FinishedHead {
    const names = this.#names;
    const kind = this.kinds.numberFor({
      status: statusNumber(job.status),
      isDeadLetter: job.deadLetter,
      type: names.numberFor(job.type),
      queue: names.numberFor(queueOf(job)),
      namespace: job.namespace === DEFAULT_NAMESPACE ? 0 : names.numberFor(job.namespace),
    });
    return {
      seq: job.seq,
      ended: job.completedAtMs,
      kind,
      worker: names.numberFor(job.assignedTo),
      hash: hash32(job.id),
    };
  }

  #refuseTwice({ seq, id }: Job): void {
    if (this.index.pageOf(seq) !== undefined) throw new Error(`job number ${seq} finished twice`);
    for (const other of this.index.candidates(hash32(id))) {
      // What is being packed cannot be read yet.
      if (this.#isPacking && this.index.pageOf(other) === this.#number) this.#packer.finish();
      if (this.bySeq(other)?.job.id === id) throw new Error(`job ${id} finished twice`);
    }
  }

  /** Undefined: the job has a row. */
  #at<Value>(
    number: number,
    seq: number,
    read: (page: FinishedPage, place: number) => Value,
  ): Value | undefined {
    const page = this.#page(number);
    if (page === undefined) return undefined;
    const place = page.heads.placeOf(seq);
    if (place === undefined) throw new RowDamaged(`job number ${seq} is missing in its page`);
    return read(page, place);
  }

  /** Undefined: a page without bytes. */
  #page(number: number): FinishedPage | undefined {
    const isRead = this.#read.has(number);
    const page = isRead ? this.#read.get(number) : this.#readPage(number);
    if (isRead) this.#read.delete(number);
    else if (this.#read.size >= PAGES_KEPT_MAX) this.#read.delete(this.#read.keys().next().value!);
    this.#read.set(number, page);
    return page;
  }

  #readPage(number: number): FinishedPage | undefined {
    const row = this.#statements.page.get(number) as unknown as PageRow | undefined;
    if (row === undefined) throw new RowDamaged(`page ${number} of finished jobs is missing`);
    verifyPageBytes(row);
    return row.bytes === null ? undefined : new FinishedPage(headsOf(row), row.bytes);
  }

  #headsOf(number: number): FinishedHeads {
    return headsOf(this.#statements.page.get(number) as unknown as HeadRow);
  }

  get #directory(): Known {
    return this.#known ??= this.#readDirectory();
  }

  #readDirectory(): Known {
    const index = new FinishedIndex();
    let [count, last] = [0, 0];
    for (;;) {
      const rows = this.#statements.heads.all(last) as unknown as HeadRow[];
      for (const row of rows) {
        index.load(headsOf(row), row.number);
        count++;
        last = row.number;
      }
      if (rows.length < PAGES_READ_MAX) break;
    }
    index.ready();
    const row = this.#statements.totals.get() as unknown as TotalsRow | undefined;
    const written = row ?? NO_TOTALS;
    if (row !== undefined) verifyTotalsRow(row);
    refuseOtherTotals(written, { pages: count, jobs: index.count });
    const kinds = new FinishedKinds(this.#database);
    for (const kind of index.countsByKind().keys()) void kinds.kindOf(kind); // or damage is told
    const pages = { count, last, isLastThere: last > 0, written };
    return { index, kinds, pages, kept: pages };
  }
}

interface Known {
  readonly index: FinishedIndex;
  readonly kinds: FinishedKinds;
  pages: Pages;
  /** As they were when the last transaction was committed. */
  kept: Pages;
}

interface Pages {
  readonly count: number;
  /** The greatest number that a page has or had. */
  readonly last: number;
  readonly isLastThere: boolean;
  /** What the table of totals says. */
  readonly written: Totals;
}

/** How many pages of finished jobs there are, and jobs in them. */
export interface Totals {
  readonly pages: number;
  readonly jobs: number;
}

/** While no job has finished. */
export const NO_TOTALS: Totals = { pages: 0, jobs: 0 };

interface HeadRow {
  readonly number: number;
  readonly heads_checksum: number;
  readonly heads: Uint8Array;
}

export interface PageRow extends HeadRow {
  readonly checksum: number;
  readonly bytes: Uint8Array | null;
}

export interface TotalsRow extends Totals {
  readonly checksum: number;
}

/** @throws {RowDamaged} */
export function verifyTotalsRow({ pages, jobs, checksum }: TotalsRow): void {
  verify("the number of finished jobs", checksum, `${pages} ${jobs}`);
}

/** @throws {RowDamaged} when some are missing, or are too many */
export function refuseOtherTotals(written: Totals, found: Totals): void {
  if (written.pages === found.pages && written.jobs === found.jobs) return;
  throw new RowDamaged(
    `of ${written.jobs} finished jobs in ${written.pages} pages there are ${found.jobs} ` +
      `in ${found.pages}`,
  );
}

/** @throws {RowDamaged} */
export function verifyPageBytes({ number, checksum, bytes }: PageRow): void {
  // That of a page without bytes is 0.
  const parts = bytes === null ? [] : [`${number} `, bytes];
  verify(`page ${number} of finished jobs`, checksum, ...parts);
}

/** @throws {RowDamaged} */
export function headsOf({ number, heads, heads_checksum }: HeadRow): FinishedHeads {
  verify(`the heads of page ${number} of finished jobs`, heads_checksum, `${number} `, heads);
  return new FinishedHeads(heads);
}

/** A text begins with the id, and the number of the job follows. */
function idIn(text: string): string {
  const found = text.startsWith(ID_BEGINS) ? text.indexOf(NUMBER_BEGINS) : -1;
  if (found === -1) return decodeJob(text).job.id;
  return JSON.parse(text.slice(ID_BEGINS.length, found));
}

const ID_BEGINS = '{"id":';
const NUMBER_BEGINS = ',"n":';

type Statements = Record<keyof typeof SQL, StatementSync>;

const SQL = {
  heads: "SELECT number, heads_checksum, heads FROM finished_pages WHERE number > ? " +
    `ORDER BY number LIMIT ${PAGES_READ_MAX}`,
  numbers: "SELECT number FROM finished_pages ORDER BY number",
  page: "SELECT * FROM finished_pages WHERE number = ?",
  putPage: "INSERT OR REPLACE INTO finished_pages VALUES (?, ?, ?, ?, ?)",
  removePage: "DELETE FROM finished_pages WHERE number = ?",
  totals: "SELECT pages, jobs, checksum FROM finished_totals WHERE id = 1",
  putTotals: "INSERT OR REPLACE INTO finished_totals VALUES (1, ?, ?, ?)",
} as const;

function prepareAll(database: DatabaseSync): Statements {
  const prepared = Object.entries(SQL).map(([name, sql]) => [name, database.prepare(sql)]);
  return Object.fromEntries(prepared);
}
