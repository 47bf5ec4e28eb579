/**
 * Idempotency keys in `state.db`: those that came between two flushes lie in pages (`key_pages`).
 * They expire in the order in which they came, or nearly, so a page is left alone until all of it has
 * expired. Which page may hold a key is known from memory, see `key_index.ts`.
 *
 * Files of formats up to 3 have a row for each key, in `keys`: read where they are, until they expire.
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { StoreBatch, StoredKey } from "../jobs/mod.ts";
import { checksumOf, RowDamaged, verify } from "./job_store_rows.ts";
import { KeyIndex } from "./key_index.ts";
import { type PackedPage, PagePacker, RowPage } from "./row_page.ts";

/** Expired keys of the old table that are removed with one batch. */
const KEYS_REMOVED_MAX = 2_000;
/** Expired pages that are removed with one batch, beside two for each that it brings. */
const PAGES_REMOVED_MIN = 16;

/** Rows in memory at once while a table is read. */
const ROWS_READ_MAX = 1_000;
const PAGES_READ_MAX = 16;

export class KeyRows {
  readonly #statements: Statements;
  readonly #packer = new PagePacker((page) => this.#insertPage(page));
  /** When the last key of the page that is being packed expires. */
  #packedExpiresAtMs = 0;
  #pagesPut = 0;
  /** Made when the tables are loaded, or first asked. */
  #index: KeyIndex | undefined;
  /** What the last batch said: of pages that are not gone, these keys are forgotten all the same. */
  #expired: StoreBatch["keysExpired"] = { keySeq: 0, atMs: 0 };
  #lastRead: RowPage | undefined;

  constructor(database: DatabaseSync) {
    this.#statements = prepareAll(database);
  }

  /** Reads what is asked for from memory. */
  load(): void {
    void this.#known;
  }

  /** The latest entry under `key`, live or expired. */
  find(key: string): StoredKey | undefined {
    for (const seq of this.#known.candidates(key)) {
      const found = this.#at(seq);
      if (found?.key === key) return found;
    }
    return undefined;
  }

  /** Every key with its latest entry, in the order in which they came. */
  scan(): StoredKey[] {
    const latest = new Map<string, StoredKey>();
    for (const entry of this.#all()) latest.set(entry.key, entry);
    return [...latest.values()].filter((entry) => !isExpired(entry, this.#expired))
      .sort((a, b) => a.keySeq - b.keySeq);
  }

  /** How many there are, those that expired and those that were used again among them. */
  count(): number {
    return Number(this.#statements.count.get()?.n);
  }

  /** Puts the keys of a batch down and forgets expired ones, in a transaction. */
  write({ keys, keysExpired }: StoreBatch): void {
    void this.#known; // while it does not know of these
    this.#pagesPut = 0;
    for (const entry of keys) {
      this.#packer.add(entry.keySeq, textOf(entry));
      this.#packedExpiresAtMs = Math.max(this.#packedExpiresAtMs, entry.expiresAtMs);
    }
    this.#packer.finish();
    this.#expired = keysExpired;
    this.#removeOldRows();
    this.#removePages();
  }

  /** The transaction that brought `keys` is committed. */
  keep(keys: Iterable<StoredKey>): void {
    const known = this.#known;
    for (const { key, keySeq } of keys) known.add(key, keySeq);
  }

  /** The transaction was undone. */
  forget(): void {
    this.#packer.clear();
    this.#packedExpiresAtMs = 0;
    this.#lastRead = undefined;
  }

  #insertPage({ firstSeq, lastSeq, items, bytes }: PackedPage): void {
    const expiresAtMs = this.#packedExpiresAtMs;
    const checksum = checksumOf(bytes, `${lastSeq} ${expiresAtMs}`);
    this.#statements.putPage.run(firstSeq, lastSeq, items, expiresAtMs, checksum, bytes);
    this.#packedExpiresAtMs = 0;
    this.#pagesPut++;
  }

  /** From the first on, as long as they are expired: what comes after one that is not has to wait. */
  #removePages(): void {
    for (let most = PAGES_REMOVED_MIN + 2 * this.#pagesPut; most > 0; most--) {
      const row = this.#statements.firstPage.get() as unknown as PageHead | undefined;
      if (row === undefined) return;
      const { first_seq, last_seq, expires_at } = row;
      if (!isExpired({ keySeq: last_seq, expiresAtMs: expires_at }, this.#expired)) return;
      this.#statements.removePage.run(first_seq);
      this.#known.goneThrough(last_seq);
    }
  }

  #removeOldRows(): void {
    const oldest = this.#statements.firstRows.all(1) as unknown as RowHead[];
    if (oldest.length === 0 || !isExpired(entryOf(oldest[0]!), this.#expired)) return;
    const rows = this.#statements.firstRows.all(KEYS_REMOVED_MAX) as unknown as RowHead[];
    const kept = rows.findIndex((row) => !isExpired(entryOf(row), this.#expired));
    const last = rows.at(kept === -1 ? -1 : kept - 1)!.seq;
    this.#statements.removeRows.run(last);
    this.#known.goneThrough(last);
  }

  get #known(): KeyIndex {
    if (this.#index === undefined) {
      this.#index = new KeyIndex();
      for (const { key, keySeq } of this.#all()) this.#index.add(key, keySeq);
    }
    return this.#index;
  }

  #at(seq: number): StoredKey | undefined {
    if (this.#lastRead?.placeOf(seq) === undefined) {
      const row = this.#statements.page.get(seq) as unknown as PageRow | undefined;
      if (row === undefined || row.last_seq < seq) return this.#oldRow(seq);
      this.#lastRead = keyPageOf(row);
    }
    const place = this.#lastRead.placeOf(seq);
    return place === undefined ? undefined : entryAt(this.#lastRead, place);
  }

  #oldRow(seq: number): StoredKey | undefined {
    const row = this.#statements.row.get(seq) as unknown as KeyRow | undefined;
    return row && entryOfRow(row);
  }

  /** In the order in which they came. */
  *#all(): Generator<StoredKey> {
    for (let after = 0;;) {
      const rows = this.#statements.rows.all(after) as unknown as KeyRow[];
      for (const row of rows) yield entryOfRow(row);
      if (rows.length < ROWS_READ_MAX) break;
      after = rows.at(-1)!.seq;
    }
    for (let after = 0;;) {
      const rows = this.#statements.pages.all(after) as unknown as PageRow[];
      for (const row of rows) {
        const page = keyPageOf(row);
        for (let place = 0; place < page.items; place++) yield entryAt(page, place);
      }
      if (rows.length < PAGES_READ_MAX) return;
      after = rows.at(-1)!.first_seq;
    }
  }
}

interface PageHead {
  readonly first_seq: number;
  readonly last_seq: number;
  readonly expires_at: number;
}

interface PageRow extends PageHead {
  readonly items: number;
  readonly checksum: number;
  readonly bytes: Uint8Array;
}

interface RowHead {
  readonly seq: number;
  readonly expires_at: number;
}

interface KeyRow extends RowHead {
  readonly key: string;
  readonly detail: string;
  readonly checksum: number;
}

type Expiry = Pick<StoredKey, "keySeq" | "expiresAtMs">;

function isExpired(entry: Expiry, expired: StoreBatch["keysExpired"]): boolean {
  return entry.keySeq <= expired.keySeq || entry.expiresAtMs <= expired.atMs;
}

function entryOf({ seq, expires_at }: RowHead): Expiry {
  return { keySeq: seq, expiresAtMs: expires_at };
}

/** @throws {RowDamaged} */
export function verifyKeyRow({ seq, key, detail, expires_at, checksum }: KeyRow): void {
  verify(`idempotency key number ${seq}`, checksum, `${key}${detail}${seq} ${expires_at}`);
}

function entryOfRow(row: KeyRow): StoredKey {
  verifyKeyRow(row);
  const { seq, key, detail, expires_at } = row;
  const [jobId, fingerprint]: [string, string] = JSON.parse(detail);
  return { keySeq: seq, key: JSON.parse(key), jobId, fingerprint, expiresAtMs: expires_at };
}

/** @throws {RowDamaged} */
export function keyPageOf(row: PageRow): RowPage {
  const { first_seq, last_seq, items, expires_at, checksum, bytes } = row;
  const what = `the page of idempotency keys from number ${first_seq}`;
  verify(what, checksum, bytes, `${last_seq} ${expires_at}`);
  const page = new RowPage(bytes);
  const isSame = page.firstSeq === first_seq && page.items === items;
  if (!isSame) throw new RowDamaged(`${what} is damaged`);
  return page;
}

/** JSON, by hand: of a list, `JSON.stringify` takes half as long again. */
function textOf({ key, jobId, fingerprint, expiresAtMs }: StoredKey): string {
  return `[${JSON.stringify(key)},${JSON.stringify(jobId)},${
    JSON.stringify(fingerprint)
  },${expiresAtMs}]`;
}

function entryAt(page: RowPage, place: number): StoredKey {
  const [key, jobId, fingerprint, expiresAtMs]: [string, string, string, number] = JSON.parse(
    page.textAt(place),
  );
  return { keySeq: page.seqAt(place), key, jobId, fingerprint, expiresAtMs };
}

type Statements = Record<keyof typeof SQL, StatementSync>;

const SQL = {
  row: "SELECT * FROM keys WHERE seq = ?",
  rows: `SELECT * FROM keys WHERE seq > ? ORDER BY seq LIMIT ${ROWS_READ_MAX}`,
  firstRows: "SELECT seq, expires_at FROM keys ORDER BY seq LIMIT ?",
  removeRows: "DELETE FROM keys WHERE seq <= ?",
  page: "SELECT * FROM key_pages WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1",
  pages: `SELECT * FROM key_pages WHERE first_seq > ? ORDER BY first_seq LIMIT ${PAGES_READ_MAX}`,
  firstPage: "SELECT first_seq, last_seq, expires_at FROM key_pages ORDER BY first_seq LIMIT 1",
  putPage: "INSERT INTO key_pages VALUES (?, ?, ?, ?, ?, ?)",
  removePage: "DELETE FROM key_pages WHERE first_seq = ?",
  count:
    "SELECT (SELECT count(*) FROM keys) + (SELECT coalesce(sum(items), 0) FROM key_pages) AS n",
} as const;

function prepareAll(database: DatabaseSync): Statements {
  const prepared = Object.entries(SQL).map(([name, sql]) => [name, database.prepare(sql)]);
  return Object.fromEntries(prepared);
}
