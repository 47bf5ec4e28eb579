/**
 * A simulated disk: what is written waits in a cache until it is synced, and a crash keeps any
 * sectors of what waits and loses the others. Syncs may fail, be refused for want of room, or crash
 * the process before or after they take effect; what is at rest may rot, get lost or be overwritten.
 */

import type { Random } from "./random.ts";
import { DiskFull } from "../../src/raft/mod.ts";

/** The simulated process died amid an operation; nothing of it runs on. */
export class SimulatedCrash extends Error {
  override name = "SimulatedCrash";
}

/** The simulated device failed: a program that goes on after this is wrong. */
export class SimulatedDeviceError extends Error {
  override name = "SimulatedDeviceError";
}

/** What may go wrong at the next sync. Probabilities, 0 to 1. */
export interface DiskFaults {
  crashBeforeSync: number;
  crashAfterSync: number;
  syncError: number;
  full: boolean;
}

/** One append-only file: frames, each whole or not there. */
export interface Frame {
  readonly text: string;
  readonly checksum: number;
}

/** What reaches a platter whole or not at all, in characters. */
const SECTOR = 512;

/** Files of one node. */
export class SimulatedDisk {
  readonly #random: Random;
  readonly faults: DiskFaults = {
    crashBeforeSync: 0,
    crashAfterSync: 0,
    syncError: 0,
    full: false,
  };
  /** Synced content by file name. */
  readonly #durable = new Map<string, Frame[]>();
  /** Written, not synced: content by file name. */
  readonly #cached = new Map<string, Frame[]>();
  syncs = 0;
  /** Grows whenever what is at rest changes other than by a sync. */
  changes = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** What a program sees: with what waits in the cache. */
  read(file: string): readonly Frame[] {
    return this.#cached.get(file) ?? this.#durable.get(file) ?? [];
  }

  /** What a power failure leaves at least. */
  readDurable(file: string): readonly Frame[] {
    return this.#durable.get(file) ?? [];
  }

  append(file: string, text: string): Frame {
    if (this.faults.full) throw new DiskFull("The simulated disk is full");
    const frame = { text, checksum: checksumOf(text) };
    this.#cached.set(file, [...this.read(file), frame]);
    return frame;
  }

  /** Replaces the whole file, atomically once synced (write aside, then rename). */
  replace(file: string, texts: readonly string[]): void {
    if (this.faults.full) throw new DiskFull("The simulated disk is full");
    this.#cached.set(file, texts.map((text) => ({ text, checksum: checksumOf(text) })));
  }

  /** Makes everything written to `file` durable. */
  sync(file: string): void {
    this.syncs++;
    if (this.#random.chance(this.faults.crashBeforeSync)) throw new SimulatedCrash();
    if (this.#random.chance(this.faults.syncError)) throw new SimulatedDeviceError("fsync: EIO");
    const cached = this.#cached.get(file);
    if (cached !== undefined) {
      this.#durable.set(file, cached);
      this.#cached.delete(file);
    }
    if (this.#random.chance(this.faults.crashAfterSync)) throw new SimulatedCrash();
  }

  /**
   * Power fails. A file that was to be replaced is the old or the new one. Of one that was growing
   * any length may be there, and of that any sectors: those that are not hold nothing.
   */
  crash(): void {
    this.changes++;
    for (const [file, cached] of this.#cached) {
      const durable = this.#durable.get(file) ?? [];
      const grown = durable.every((frame, at) => frame === cached[at]);
      if (!grown) {
        if (this.#random.chance(0.5)) this.#durable.set(file, cached);
        continue;
      }
      const length = durable.length + this.#random.below(cached.length - durable.length + 1);
      const survivors = cached.slice(durable.length, length).map((frame) => this.#torn(frame));
      this.#durable.set(file, [...durable, ...survivors]);
    }
    this.#cached.clear();
  }

  /** Often whole; else with some of its sectors lost. */
  #torn(frame: Frame): Frame {
    if (this.#random.chance(0.5)) return frame;
    let text = "";
    for (let at = 0; at < frame.text.length; at += SECTOR) {
      const sector = frame.text.slice(at, at + SECTOR);
      text += this.#random.chance(0.5) ? sector : "\0".repeat(sector.length);
    }
    return { text, checksum: frame.checksum };
  }

  /** Loses `count` synced frames at the end, as SQLite does behind a damaged spot of its WAL. */
  loseTail(file: string, count: number): void {
    this.changes++;
    const frames = this.#durable.get(file) ?? [];
    this.#durable.set(file, frames.slice(0, Math.max(0, frames.length - count)));
    this.#cached.delete(file);
  }

  /** Changes one character of one frame. */
  rot(file: string): void {
    this.changes++;
    const frames = [...(this.#durable.get(file) ?? [])];
    const at = this.#random.below(frames.length);
    const frame = frames[at];
    if (frame === undefined) return;
    const position = this.#random.below(frame.text.length);
    const other = frame.text[position] === "7" ? "8" : "7";
    const text = frame.text.slice(0, position) + other + frame.text.slice(position + 1);
    frames[at] = { text, checksum: frame.checksum };
    this.#durable.set(file, frames);
  }

  /** A write went to the wrong place: one frame is where another was, itself quite sound. */
  misdirect(file: string): void {
    this.changes++;
    const frames = [...(this.#durable.get(file) ?? [])];
    if (frames.length < 2) return;
    const from = this.#random.below(frames.length);
    const to = (from + 1 + this.#random.below(frames.length - 1)) % frames.length;
    const frame = frames[from];
    if (frame !== undefined) frames[to] = frame;
    this.#durable.set(file, frames);
  }

  /** Removes everything: a new disk. */
  wipe(): void {
    this.changes++;
    this.#durable.clear();
    this.#cached.clear();
  }
}

/** FNV-1a, 32 bits, of UTF-16 units. */
export function checksumOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return hash >>> 0;
}
