/**
 * Snapshots of the job state: a copy of state.db, made while the master goes on, sent to those that
 * are too far behind for the log, and put in the place of theirs.
 *
 * @module
 */

import { createHash } from "node:crypto";
import {
  closeSync,
  createReadStream,
  fsync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { JobMachine, LogPosition } from "../jobs/mod.ts";
import {
  DiskFull,
  type SnapshotMetadata,
  type SnapshotPort,
  type SnapshotSink,
  type SnapshotSource,
} from "../raft/mod.ts";
import {
  createDataDirectory,
  failureOf,
  JobStoreRefused,
  type SqliteJobStore,
} from "../storage/mod.ts";

export interface JobSnapshotsOptions {
  readonly store: SqliteJobStore;
  readonly machine: JobMachine;
  /** Where copies lie while they are sent or received. */
  readonly directory: string;
  /** A received snapshot is the state now. */
  readonly onInstalled: (metadata: SnapshotMetadata) => void;
  readonly onMade: (made: MadeSnapshot) => void;
}

/** What it took to make a snapshot. */
export interface MadeSnapshot {
  readonly bytes: number;
  readonly durationMs: number;
}

export class JobSnapshots implements SnapshotPort {
  readonly #options: JobSnapshotsOptions;
  #exporting: Promise<LogPosition> | undefined;

  /**
   * Removes copies that an earlier life was sending. Half received ones are kept to go on with, but not for
   * good: whoever has caught up by the log meanwhile is sent no other that would take their place.
   */
  constructor(options: JobSnapshotsOptions) {
    this.#options = options;
    createDataDirectory(options.directory);
    for (const name of readdirSync(options.directory)) {
      const path = join(options.directory, name);
      const isOfNoUse = name.endsWith(".outgoing") ||
        (name.includes(".incoming") && isLeftBehind(path));
      if (isOfNoUse) rmSync(path);
    }
  }

  async create(metadata: SnapshotMetadata): Promise<SnapshotSource> {
    const { onMade } = this.#options;
    // Of its own, not by index and term: a leader that leads again may be asked for another of the same entry
    // while its former one is still being made.
    const path = this.#newPath();
    const startedMs = performance.now();
    await this.#export(path, metadata);
    const source = await sha256Of(path).then(
      (digest) => new FileSource(path, metadata, digest),
      (failure) => {
        rmSync(path, { force: true });
        throw failure;
      },
    );
    onMade({ bytes: source.totalBytes, durationMs: performance.now() - startedMs });
    return source;
  }

  /**
   * Copies the state to a file that is the caller's to remove. One copy is made at a time, so this
   * waits for one that is being made.
   *
   * @param position where the state stands, asked for when the copy begins
   */
  async copy(position: () => LogPosition): Promise<LogPosition & { readonly path: string }> {
    while (this.#exporting !== undefined) await this.#exporting.catch(() => {});
    const { index, term } = position();
    const path = this.#newPath();
    await this.#export(path, { index, term });
    return { index, term, path };
  }

  #newPath(): string {
    return join(this.#options.directory, `${crypto.randomUUID()}.outgoing`);
  }

  async #export(path: string, { index, term }: LogPosition): Promise<void> {
    const { store, machine, directory } = this.#options;
    // Whoever cleans up /tmp takes an empty directory away.
    createDataDirectory(directory);
    machine.flush({ index, term });
    const exporting = store.exportSnapshot(path);
    this.#exporting ??= exporting;
    try {
      await exporting;
    } finally {
      if (this.#exporting === exporting) this.#exporting = undefined;
    }
  }

  receive(transferId: string, metadata: SnapshotMetadata, totalBytes: number): SnapshotSink {
    const { store, machine, directory, onInstalled } = this.#options;
    const path = join(directory, `${fileName(transferId)}.incoming`);
    createDataDirectory(directory);
    for (const name of readdirSync(directory)) {
      const isAnother = name.includes(".incoming") && !join(directory, name).startsWith(path);
      if (isAnother) rmSync(join(directory, name));
    }
    return withRoom(`receive "${path}"`, () =>
      new FileSink(path, totalBytes, {
        fault: () => store.snapshotFault(path),
        install: () => {
          store.installSnapshot(path);
          machine.reload();
          onInstalled(metadata);
        },
      }));
  }
}

/**
 * What travels is the file, and behind it its digest: chunks have checksums of their own, but the
 * file also lies on two disks, and half of it may be from before a crash.
 */
class FileSource implements SnapshotSource {
  readonly metadata: SnapshotMetadata;
  readonly totalBytes: number;
  readonly #path: string;
  readonly #digest: Uint8Array;
  readonly #descriptor: number;

  constructor(path: string, metadata: SnapshotMetadata, digest: Uint8Array) {
    this.#path = path;
    this.metadata = metadata;
    this.#digest = digest;
    this.totalBytes = statSync(path).size + digest.byteLength;
    this.#descriptor = openSync(path, "r");
  }

  read(offsetBytes: number, lengthBytes: number): Uint8Array {
    const fileBytes = this.totalBytes - this.#digest.byteLength;
    if (offsetBytes >= fileBytes) {
      return this.#digest.slice(offsetBytes - fileBytes, offsetBytes - fileBytes + lengthBytes);
    }
    const buffer = new Uint8Array(Math.min(lengthBytes, fileBytes - offsetBytes));
    const bytes = readSync(this.#descriptor, buffer, 0, buffer.byteLength, offsetBytes);
    return buffer.subarray(0, bytes);
  }

  release(): void {
    closeSync(this.#descriptor);
    rmSync(this.#path, { force: true });
  }
}

/** What becomes of a file that came whole. */
interface Arrival {
  fault(): Promise<string | undefined>;
  install(): void;
}

class FileSink implements SnapshotSink {
  readonly #path: string;
  readonly #totalBytes: number;
  readonly #arrival: Arrival;
  readonly #descriptor: number;
  #receivedBytes: number;
  #isClosed = false;

  constructor(path: string, totalBytes: number, arrival: Arrival) {
    this.#path = path;
    this.#totalBytes = totalBytes;
    this.#arrival = arrival;
    this.#receivedBytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    this.#descriptor = openSync(path, this.#receivedBytes > 0 ? "r+" : "w+", 0o600);
    if (this.#receivedBytes > totalBytes) {
      ftruncateSync(this.#descriptor, 0);
      this.#receivedBytes = 0;
    }
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  write(data: Uint8Array): void {
    withRoom(`write "${this.#path}"`, () => {
      for (let written = 0; written < data.byteLength;) {
        written += writeSync(
          this.#descriptor,
          data,
          written,
          data.byteLength - written,
          this.#receivedBytes + written,
        );
      }
    });
    this.#receivedBytes += data.byteLength;
  }

  async fault(): Promise<string | undefined> {
    const fileBytes = this.#totalBytes - DIGEST_BYTES;
    if (this.#receivedBytes !== this.#totalBytes || fileBytes <= 0) {
      return `${this.#receivedBytes} bytes came of ${this.#totalBytes}`;
    }
    const digest = new Uint8Array(DIGEST_BYTES);
    readSync(this.#descriptor, digest, 0, DIGEST_BYTES, fileBytes);
    const found = await sha256Of(this.#path, fileBytes);
    if (!found.every((byte, at) => byte === digest[at])) {
      return "its digest is not the one it was sent with";
    }
    ftruncateSync(this.#descriptor, fileBytes);
    // It is synced again when it is installed, which takes no time then.
    await withRoomLater(`sync "${this.#path}"`, () => promisify(fsync)(this.#descriptor));
    return await this.#arrival.fault();
  }

  install(): void {
    withRoom(`install "${this.#path}"`, () => {
      // Tried again after a full disk, it is closed already.
      if (!this.#isClosed) fsyncSync(this.#descriptor);
      this.#close();
      this.#arrival.install();
    });
  }

  discard(): void {
    this.#close();
    rmSync(this.#path, { force: true });
  }

  #close(): void {
    if (!this.#isClosed) closeSync(this.#descriptor);
    this.#isClosed = true;
  }
}

const DIGEST_BYTES = 32;
const RESUMED_MS_MAX = 3_600_000;
const READ_BYTES = 1024 * 1024;

/** Of all of the file at `path`, or of its first bytes. */
async function sha256Of(path: string, bytes = Infinity): Promise<Uint8Array> {
  const hash = createHash("sha256");
  const stream = createReadStream(path, { highWaterMark: READ_BYTES, end: bytes - 1 });
  for await (const chunk of stream) {
    hash.update(chunk);
  }
  return hash.digest();
}

/** Says `DiskFull` where there is no room, and anything else as the failure that it is. */
function withRoom<Result>(action: string, work: () => Result): Result {
  try {
    return work();
  } catch (cause) {
    throw failureIn(action, cause);
  }
}

async function withRoomLater<Result>(
  action: string,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    throw failureIn(action, cause);
  }
}

function failureIn(action: string, cause: unknown): unknown {
  return cause instanceof DiskFull || cause instanceof JobStoreRefused
    ? cause
    : failureOf(action, cause);
}

/** Whether nothing has come to it for longer than any leader goes on with a transfer. */
function isLeftBehind(path: string): boolean {
  return Date.now() - statSync(path).mtimeMs > RESUMED_MS_MAX;
}

/** A transfer's name comes from another node: nothing in it may lead out of the directory. */
function fileName(transferId: string): string {
  return transferId.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 100);
}
