/**
 * `state.marker`: a tiny file beside `state.db` that tells damage which SQLite does not see. A
 * flipped bit in a key or an index makes a row invisible, and an old write-ahead file laid over a
 * newer database mixes two states; both look sound from inside.
 *
 * It says up to where `state.db` was durable, and after an orderly stop also what its bytes were
 * (the seal): what is sealed was looked through (`job_store_check.ts`). After a crash there is no seal, and the
 * look comes at the start: two seconds for a million finished jobs, where the seal takes half of one.
 */

import { createHash } from "node:crypto";
import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import type { LogPosition } from "../jobs/mod.ts";
import { damageIn, damageInFile } from "./job_store_check.ts";
import { JobStoreDamaged, JobStoreRefused, REBUILD_ADVICE } from "./job_store_file.ts";
import { SlotFile } from "./slot_file.ts";
import { sqliteCode } from "./storage_failure.ts";

/** Name of the file in a data directory. */
export const JOB_STORE_MARKER = "state.marker";

interface SealRecord {
  readonly format: number;
  readonly generation: number;
  /** The state was durable up to here; what stands lower has lost it. */
  readonly durableIndex: number;
  /** Of the whole file, in hexadecimal digits; empty while the node runs and after a crash. */
  readonly sha256: string;
}

const SEAL_FORMAT = 1;
const READ_BYTES = 4 * 1024 * 1024;

/** The marker of one `state.db`. */
export class JobStoreSeal {
  readonly #databasePath: string;
  readonly #path: string;
  #file: SlotFile<SealRecord> | undefined;
  #record: SealRecord;
  /** Whether the file was sealed when it was found, and still is what was sealed. */
  readonly wasSealed: boolean;

  /**
   * Reads the marker, and holds a sealed database against it. Nothing was opened yet.
   *
   * @throws {JobStoreRefused} when the file was changed since it was sealed
   */
  constructor(databasePath: string, markerPath: string) {
    this.#databasePath = databasePath;
    this.#path = markerPath;
    const found = existsSync(markerPath) ? SlotFile.read<SealRecord>(markerPath) : undefined;
    if (found !== undefined && found.format > SEAL_FORMAT) {
      throw new JobStoreRefused(
        `Cannot open "${databasePath}": the format of "${markerPath}" is ${found.format}, and this ` +
          `program knows formats up to ${SEAL_FORMAT}; start the newer version that wrote it`,
      );
    }
    this.#record = found ?? { format: SEAL_FORMAT, generation: 0, durableIndex: 0, sha256: "" };
    this.wasSealed = this.#record.sha256 !== "";
    if (!existsSync(databasePath)) {
      // Moved away: the log may still rebuild it, and whoever opens the log will see.
      this.#record = { ...this.#record, durableIndex: 0, sha256: "" };
    } else if (this.wasSealed) {
      this.#checkSeal();
    } else {
      this.#checkDurable(indexInMainFile(databasePath));
    }
  }

  /** Before the first change. */
  break(): void {
    this.#write({ sha256: "" });
  }

  /**
   * What crashed without a seal is looked through: every row, every page and every index.
   *
   * @throws {JobStoreRefused} when something does not fit
   */
  check(database: DatabaseSync, applied: LogPosition): void {
    this.#checkDurable(applied.index);
    if (this.wasSealed) return;
    const found = damageIn(database);
    if (found === "ok") return;
    const message =
      `Cannot open "${this.#databasePath}": it is damaged (${found}). ${REBUILD_ADVICE}`;
    throw new JobStoreDamaged(message, found);
  }

  /** The state is durable up to `index`. */
  durable({ index }: LogPosition): void {
    if (index > this.#record.durableIndex) this.#write({ durableIndex: index });
  }

  /**
   * The database is closed, whole, in its one file. It is looked through first: with the seal on it nobody
   * would do so again.
   *
   * @returns "ok", or what was found; then it is not sealed, and the next start refuses it
   */
  seal(): string {
    const found = damageInFile(this.#databasePath);
    if (found === "ok") this.#write({ sha256: sha256Of(this.#databasePath) });
    return found;
  }

  close(): void {
    this.#file?.close();
  }

  #checkDurable(index: number): void {
    const { durableIndex } = this.#record;
    if (index >= durableIndex) return;
    throw this.#refused(
      `it stands at entry ${index}, but was durable up to ${durableIndex}: it or its -wal file ` +
        "was replaced by an old copy",
    );
  }

  #checkSeal(): void {
    const { durableIndex } = this.#record;
    const wal = `${this.#databasePath}-wal`;
    if ((statSync(wal, { throwIfNoEntry: false })?.size ?? 0) > 0) {
      throw this.#refused(
        `"${wal}" is there, though this node left none when it stopped at entry ${durableIndex}; ` +
          "remove it if it is a copy from elsewhere",
      );
    }
    if (sha256Of(this.#databasePath) !== this.#record.sha256) {
      throw this.#refused(
        `its bytes are not those that this node left when it stopped at entry ${durableIndex}: ` +
          "it was damaged, or replaced by another copy",
      );
    }
  }

  #write(change: Partial<SealRecord>): void {
    const record = { ...this.#record, ...change, generation: this.#record.generation + 1 };
    if (this.#file !== undefined) {
      this.#file.write(record);
    } else if (existsSync(this.#path)) {
      this.#file = SlotFile.open(this.#path);
      this.#file.write(record);
    } else {
      this.#file = SlotFile.create(this.#path, record);
    }
    this.#record = record;
  }

  #refused(found: string): JobStoreRefused {
    return new JobStoreRefused(`Cannot open "${this.#databasePath}": ${found}. ${REBUILD_ADVICE}`);
  }
}

/**
 * Where the database stands without its write-ahead file, which would hide that it is an old copy.
 * What cannot be read, a crash amid a checkpoint may have left so: what follows will tell.
 */
function indexInMainFile(path: string): number {
  let database: DatabaseSync | undefined;
  try {
    const url = pathToFileURL(path);
    url.searchParams.set("immutable", "1");
    database = new DatabaseSync(url, { readOnly: true });
    const index = database.prepare("SELECT applied_index FROM state").get()?.applied_index;
    return typeof index === "number" ? index : Infinity;
  } catch (cause) {
    if (sqliteCode(cause) === undefined) throw cause;
    return Infinity;
  } finally {
    database?.close();
  }
}

function sha256Of(path: string): string {
  const hash = createHash("sha256");
  const descriptor = openSync(path, "r");
  try {
    const chunk = new Uint8Array(READ_BYTES);
    for (;;) {
      const bytes = readSync(descriptor, chunk, 0, chunk.length, null);
      if (bytes === 0) return hash.digest("hex");
      hash.update(chunk.subarray(0, bytes));
    }
  } finally {
    closeSync(descriptor);
  }
}
