/**
 * A backup as a file: a head that says what it is, the state at one log index, and a SHA-256 over
 * both at the end. Written as a stream, read only after the digest has been checked.
 *
 *     "CNDRBKUP" | length of the head (uint32) | head (JSON) | state.db | SHA-256 of all before
 *
 * @module
 */

import { createHash, type Hash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { failureOf } from "./storage_failure.ts";

/** What a backup says of itself. */
export interface BackupHead {
  readonly format: number;
  readonly clusterId: string;
  /** Who made it. */
  readonly nodeId: string;
  /** Of the program that made it. */
  readonly version: string;
  readonly createdAtMs: number;
  /** The entry that the state is the state of. */
  readonly index: number;
  readonly term: number;
  readonly stateBytes: number;
  /** For the reader's eye: who was in the cluster. */
  readonly members: readonly string[];
}

/** The format this program writes; it refuses others. */
export const BACKUP_FORMAT = 1;

/** The file is no backup, not a whole one, or not of this program's time. */
export class BackupRefused extends Error {
  override name = "BackupRefused";
}

const MAGIC = "CNDRBKUP";
const HEAD_BYTES_MAX = 64 * 1024;
const DIGEST_BYTES = 32;
const READ_BYTES = 1024 * 1024;

/** Whether a file that begins so is a backup, whole or not. */
export function isBackup(begin: Uint8Array): boolean {
  return new TextDecoder().decode(begin.subarray(0, MAGIC.length)) === MAGIC;
}

/** Puts the bytes of a backup together. */
export class BackupWriter {
  readonly #hash: Hash = createHash("sha256");

  /** The first bytes. */
  head(head: Omit<BackupHead, "format">): Uint8Array {
    const text = new TextEncoder().encode(JSON.stringify({ format: BACKUP_FORMAT, ...head }));
    const bytes = new Uint8Array(MAGIC.length + 4 + text.length);
    bytes.set(new TextEncoder().encode(MAGIC));
    new DataView(bytes.buffer).setUint32(MAGIC.length, text.length);
    bytes.set(text, MAGIC.length + 4);
    return this.body(bytes);
  }

  /** Bytes of the state, in order; given back to be passed on. */
  body(bytes: Uint8Array): Uint8Array {
    this.#hash.update(bytes);
    return bytes;
  }

  /** The last bytes. */
  end(): Uint8Array {
    return this.#hash.digest();
  }
}

/** Checks the bytes of a backup while they come in, to know at the end whether all came. */
export class BackupChecker {
  readonly #hash: Hash = createHash("sha256");
  /** Perhaps the digest: it is never hashed. */
  #tail: Uint8Array = new Uint8Array(0);
  #begin: Uint8Array = new Uint8Array(0);

  take(bytes: Uint8Array): void {
    if (this.#begin.length < HEAD_BYTES_MAX) {
      this.#begin = joined(this.#begin, bytes.subarray(0, HEAD_BYTES_MAX - this.#begin.length));
    }
    const all = joined(this.#tail, bytes);
    const keep = Math.min(DIGEST_BYTES, all.length);
    this.#hash.update(all.subarray(0, all.length - keep));
    this.#tail = all.slice(all.length - keep);
  }

  /** The head of the whole and sound backup. @throws {BackupRefused} when it is not */
  finish(name: string): BackupHead {
    if (!this.#hash.digest().equals(this.#tail)) {
      throw new BackupRefused(
        `"${name}" is damaged or not whole: its digest is not that of its bytes`,
      );
    }
    return headIn(this.#begin, name).head;
  }
}

/** A backup file whose digest was checked. */
export interface CheckedBackup {
  readonly head: BackupHead;
  /** Writes the state to a new file at `path`; the caller makes it durable. */
  extractTo(path: string): void;
}

/**
 * Reads the whole file at `path` and checks it, before anything is made of it.
 *
 * @throws {BackupRefused}
 */
export function checkBackup(path: string): CheckedBackup {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new BackupRefused(`Cannot read "${path}": ${detail}`, { cause });
  }
  try {
    const { size } = fstatSync(file);
    const begin = readAt(file, 0, Math.min(size, HEAD_BYTES_MAX));
    const { head, bodyAt } = headIn(begin, path);
    const expected = bodyAt + head.stateBytes + DIGEST_BYTES;
    if (size !== expected) {
      throw new BackupRefused(`"${path}" is not whole: it has ${size} of ${expected} bytes`);
    }
    const checker = new BackupChecker();
    for (let at = 0; at < size; at += READ_BYTES) {
      checker.take(readAt(file, at, Math.min(READ_BYTES, size - at)));
    }
    checker.finish(path);
    return { head, extractTo: (target) => extract(path, bodyAt, head.stateBytes, target) };
  } finally {
    closeSync(file);
  }
}

function headIn(begin: Uint8Array, name: string): { head: BackupHead; bodyAt: number } {
  const decoder = new TextDecoder();
  if (!isBackup(begin)) {
    throw new BackupRefused(`"${name}" is no backup of Conductor`);
  }
  const view = new DataView(begin.buffer, begin.byteOffset, begin.byteLength);
  const length = begin.length < MAGIC.length + 4 ? HEAD_BYTES_MAX : view.getUint32(MAGIC.length);
  const bodyAt = MAGIC.length + 4 + length;
  if (bodyAt > begin.length) throw new BackupRefused(`"${name}" ends amid its head`);
  let head: Partial<BackupHead>;
  try {
    head = JSON.parse(decoder.decode(begin.subarray(MAGIC.length + 4, bodyAt)));
  } catch (cause) {
    throw new BackupRefused(`The head of "${name}" is damaged`, { cause });
  }
  if (head.format !== BACKUP_FORMAT) {
    throw new BackupRefused(
      `"${name}" has format ${head.format}, and this program knows ${BACKUP_FORMAT}; use the ` +
        `version of conductor that made it (${head.version}), or a newer one`,
    );
  }
  const { index, term, stateBytes, clusterId } = head;
  const isSound = [index, term, stateBytes].every((each) => Number.isSafeInteger(each)) &&
    typeof clusterId === "string";
  if (!isSound) throw new BackupRefused(`The head of "${name}" is damaged`);
  return { head: head as BackupHead, bodyAt };
}

function extract(path: string, from: number, length: number, target: string): void {
  const source = openSync(path, "r");
  const file = openSync(target, "wx", 0o600);
  try {
    for (let at = 0; at < length;) {
      const bytes = readAt(source, from + at, Math.min(READ_BYTES, length - at));
      for (let written = 0; written < bytes.length;) {
        written += writeSync(file, bytes, written, bytes.length - written, at + written);
      }
      at += bytes.length;
    }
  } catch (cause) {
    throw failureOf(`write "${target}"`, cause);
  } finally {
    closeSync(source);
    closeSync(file);
  }
}

function readAt(file: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let read = 0;
  while (read < length) {
    const count = readSync(file, bytes, read, length - read, offset + read);
    if (count === 0) throw new BackupRefused(`the file ended at ${offset + read} bytes`);
    read += count;
  }
  return bytes;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
