/**
 * The log store of a simulated node: a journal of checksummed, numbered records on a
 * {@linkcode SimulatedDisk}, and beside it a marker, as the real store has one. Opening replays the
 * journal, cuts a torn tail, and refuses a journal that lost or changed what the marker says it held.
 */

import { MemoryLog } from "../../src/raft/mod.ts";
import type { Entry, HardState, LogStore, SnapshotMetadata } from "../../src/raft/mod.ts";
import type { Frame, SimulatedDisk } from "./disk.ts";
import { checksumOf } from "./disk.ts";

/** The files must not be used: the node has forgotten what it promised. */
export class SimulatedLogRefused extends Error {
  override name = "SimulatedLogRefused";
}

type JournalRecord =
  | { readonly kind: "append"; readonly entries: readonly StoredEntry[]; readonly hard: HardState }
  | { readonly kind: "compact"; readonly boundary: SnapshotMetadata }
  | { readonly kind: "installing"; readonly snapshot: SnapshotMetadata | null }
  | { readonly kind: "reset"; readonly boundary: SnapshotMetadata; readonly hard: HardState };

/** An entry in the journal. */
export type StoredEntry = readonly [index: number, term: number, kind: Entry["kind"], data: string];

/** What a frame says, which no fault changes: a damaged frame is another one. Spares parsing. */
const KNOWN = new WeakMap<Frame, Replay>();

/** Carries a record out. */
type Replay = (memory: MemoryLog) => void;

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();
const JOURNAL = "journal";
const MARKER = "marker";

/** See the module's text. */
export class SimulatedLog implements LogStore {
  readonly #disk: SimulatedDisk;
  readonly #memory = new MemoryLog();
  #records = 0;
  /** Told of every hard state that became durable. */
  onHardState: (hard: HardState) => void = () => {};
  /** Told of entries that are durable, before they show here. */
  onEntries: (entries: readonly StoredEntry[]) => void = () => {};

  /** @throws {SimulatedLogRefused} */
  constructor(disk: SimulatedDisk) {
    this.#disk = disk;
    const frames = disk.read(JOURNAL);
    const unsound = frames.findIndex((frame, at) => !isSound(frame, at));
    const whole = unsound < 0 ? frames : frames.slice(0, unsound);
    const marker = disk.read(MARKER).at(-1);
    const promised = marker === undefined ? 0 : Number(marker.text);
    if (whole.length < promised) {
      throw new SimulatedLogRefused(`${whole.length} records are left of ${promised}`);
    }
    for (const frame of whole) replayOf(frame)(this.#memory);
    this.#records = whole.length;
    if (whole.length < frames.length) {
      disk.replace(JOURNAL, whole.map(({ text }) => text));
      disk.sync(JOURNAL);
    }
    // What was found is acknowledged from now on, so it is promised from now on.
    if (promised < whole.length) this.#promise();
  }

  get hardState(): HardState {
    return this.#memory.hardState;
  }

  get boundary(): SnapshotMetadata {
    return this.#memory.boundary;
  }

  get lastIndex(): number {
    return this.#memory.lastIndex;
  }

  get retainedBytes(): number {
    return this.#memory.retainedBytes;
  }

  get installing(): SnapshotMetadata | undefined {
    return this.#memory.installing;
  }

  membershipEntries(): readonly Entry[] {
    return this.#memory.membershipEntries();
  }

  term(index: number): number {
    return this.#memory.term(index);
  }

  entries(from: number, through: number, bytesMax: number): readonly Entry[] {
    return this.#memory.entries(from, through, bytesMax);
  }

  append(entries: readonly Entry[], hard: HardState): void {
    const record = { kind: "append" as const, entries: entries.map(stored), hard };
    this.#write(record, (memory) => memory.append(entries, hard));
  }

  compact(boundary: SnapshotMetadata): void {
    this.#write({ kind: "compact", boundary }, (memory) => memory.compact(boundary));
  }

  setInstalling(snapshot: SnapshotMetadata | undefined): void {
    this.#write(
      { kind: "installing", snapshot: snapshot ?? null },
      (memory) => memory.setInstalling(snapshot),
    );
  }

  reset(boundary: SnapshotMetadata, hard: HardState): void {
    this.#write({ kind: "reset", boundary, hard }, (memory) => memory.reset(boundary, hard));
  }

  #write(record: JournalRecord, replay: Replay): void {
    const frame = this.#disk.append(JOURNAL, `${this.#records} ${JSON.stringify(record)}`);
    KNOWN.set(frame, replay);
    this.#disk.sync(JOURNAL);
    this.#records++;
    if (record.kind === "append") this.onEntries(record.entries);
    replay(this.#memory);
    if ("hard" in record) this.onHardState(record.hard);
    this.#promise();
  }

  #promise(): void {
    this.#disk.replace(MARKER, [String(this.#records)]);
    this.#disk.sync(MARKER);
  }
}

/** Whether a frame holds what was once written, and where it was written. */
function isSound(frame: Frame, at: number): boolean {
  return (KNOWN.has(frame) || checksumOf(frame.text) === frame.checksum) &&
    frame.text.startsWith(`${at} `);
}

function replayOf(frame: Frame): Replay {
  return KNOWN.get(frame) ?? parsed(JSON.parse(frame.text.slice(frame.text.indexOf(" "))));
}

function parsed(record: JournalRecord): Replay {
  switch (record.kind) {
    case "append": {
      const entries = record.entries.map(unstored);
      return (memory) => memory.append(entries, record.hard);
    }
    case "compact":
      return (memory) => memory.compact(record.boundary);
    case "installing":
      return (memory) => memory.setInstalling(record.snapshot ?? undefined);
    case "reset":
      return (memory) => memory.reset(record.boundary, record.hard);
  }
}

function stored({ index, term, kind, data }: Entry): StoredEntry {
  return [index, term, kind, DECODER.decode(data)];
}

function unstored([index, term, kind, text]: StoredEntry): Entry {
  return { index, term, kind, data: ENCODER.encode(text) };
}
