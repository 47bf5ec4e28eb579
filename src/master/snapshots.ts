/**
 * Snapshots of the job state: a copy of state.db, made while the master goes on, sent to those that
 * are too far behind for the log, and put in the place of theirs.
 *
 * @module
 */

import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { JobMachine } from "../jobs/mod.ts";
import type { SnapshotMetadata, SnapshotPort, SnapshotSink, SnapshotSource } from "../raft/mod.ts";
import type { SqliteJobStore } from "../storage/mod.ts";

export interface JobSnapshotsOptions {
  readonly store: SqliteJobStore;
  readonly machine: JobMachine;
  /** Where copies lie while they are sent or received. */
  readonly directory: string;
  /** A received snapshot is the state now. */
  readonly onInstalled: (metadata: SnapshotMetadata) => void;
  readonly onMade: () => void;
}

export class JobSnapshots implements SnapshotPort {
  readonly #options: JobSnapshotsOptions;

  /** Removes copies that an earlier life was sending; half received ones are kept to go on with. */
  constructor(options: JobSnapshotsOptions) {
    this.#options = options;
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(options.directory)) {
      if (name.endsWith(".outgoing")) rmSync(join(options.directory, name));
    }
  }

  async create(metadata: SnapshotMetadata): Promise<SnapshotSource> {
    const { store, machine, directory, onMade } = this.#options;
    const { index, term } = metadata;
    const path = join(directory, `${index}-${term}.outgoing`);
    machine.flush({ index, term });
    await store.exportSnapshot(path);
    onMade();
    return new FileSource(path, metadata);
  }

  receive(transferId: string, metadata: SnapshotMetadata, totalBytes: number): SnapshotSink {
    const { store, machine, directory, onInstalled } = this.#options;
    const path = join(directory, `${fileName(transferId)}.incoming`);
    for (const name of readdirSync(directory)) {
      const isAnother = name.endsWith(".incoming") && join(directory, name) !== path;
      if (isAnother) rmSync(join(directory, name));
    }
    return new FileSink(path, totalBytes, () => {
      store.installSnapshot(path);
      machine.reload();
      onInstalled(metadata);
    });
  }
}

class FileSource implements SnapshotSource {
  readonly metadata: SnapshotMetadata;
  readonly totalBytes: number;
  readonly #path: string;
  readonly #descriptor: number;

  constructor(path: string, metadata: SnapshotMetadata) {
    this.#path = path;
    this.metadata = metadata;
    this.totalBytes = statSync(path).size;
    this.#descriptor = openSync(path, "r");
  }

  read(offsetBytes: number, lengthBytes: number): Uint8Array {
    const buffer = new Uint8Array(lengthBytes);
    const bytes = readSync(this.#descriptor, buffer, 0, lengthBytes, offsetBytes);
    return buffer.subarray(0, bytes);
  }

  release(): void {
    closeSync(this.#descriptor);
    rmSync(this.#path, { force: true });
  }
}

class FileSink implements SnapshotSink {
  readonly #path: string;
  readonly #totalBytes: number;
  readonly #install: () => void;
  readonly #descriptor: number;
  #receivedBytes: number;
  #isClosed = false;

  constructor(path: string, totalBytes: number, install: () => void) {
    this.#path = path;
    this.#totalBytes = totalBytes;
    this.#install = install;
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
    for (let written = 0; written < data.byteLength;) {
      written += writeSync(
        this.#descriptor,
        data,
        written,
        data.byteLength - written,
        this.#receivedBytes + written,
      );
    }
    this.#receivedBytes += data.byteLength;
  }

  fault(): string | undefined {
    if (this.#receivedBytes === this.#totalBytes) return undefined;
    return `${this.#receivedBytes} bytes came of ${this.#totalBytes}`;
  }

  install(): void {
    fsyncSync(this.#descriptor);
    this.#close();
    this.#install();
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

/** A transfer's name comes from another node: nothing in it may lead out of the directory. */
function fileName(transferId: string): string {
  return transferId.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 100);
}
