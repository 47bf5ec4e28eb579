/**
 * The log store of a simulated node: a journal of checksummed, numbered records on a
 * {@linkcode SimulatedDisk}, and beside it a marker, as the real store has one. Opening replays the
 * journal, cuts a torn tail, and refuses a journal that lost or changed what the marker says it held.
 */

import { MemoryLog } from "../../src/raft/mod.ts";
import type { Entry, HardState, LogStore, SnapshotMetadata } from "../../src/raft/mod.ts";
import type { SimulatedDisk } from "./disk.ts";
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
    const unsound = frames.findIndex(({ text, checksum }, at) =>
      checksumOf(text) !== checksum || !text.startsWith(`${at} `)
    );
    const whole = unsound < 0 ? frames : frames.slice(0, unsound);
    const marker = disk.read(MARKER).at(-1);
    const promised = marker === undefined ? 0 : Number(marker.text);
    if (whole.length < promised) {
      throw new SimulatedLogRefused(`${whole.length} records are left of ${promised}`);
    }
    for (const { text } of whole) this.#replay(JSON.parse(text.slice(text.indexOf(" "))));
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
    this.#write({ kind: "append", entries: entries.map(stored), hard });
  }

  compact(boundary: SnapshotMetadata): void {
    this.#write({ kind: "compact", boundary });
  }

  setInstalling(snapshot: SnapshotMetadata | undefined): void {
    this.#write({ kind: "installing", snapshot: snapshot ?? null });
  }

  reset(boundary: SnapshotMetadata, hard: HardState): void {
    this.#write({ kind: "reset", boundary, hard });
  }

  #write(record: JournalRecord): void {
    this.#disk.append(JOURNAL, `${this.#records} ${JSON.stringify(record)}`);
    this.#disk.sync(JOURNAL);
    this.#records++;
    if (record.kind === "append") this.onEntries(record.entries);
    this.#replay(record);
    if ("hard" in record) this.onHardState(record.hard);
    this.#promise();
  }

  #promise(): void {
    this.#disk.replace(MARKER, [String(this.#records)]);
    this.#disk.sync(MARKER);
  }

  #replay(record: JournalRecord): void {
    switch (record.kind) {
      case "append":
        return this.#memory.append(record.entries.map(unstored), record.hard);
      case "compact":
        return this.#memory.compact(record.boundary);
      case "installing":
        return this.#memory.setInstalling(record.snapshot ?? undefined);
      case "reset":
        return this.#memory.reset(record.boundary, record.hard);
    }
  }
}

function stored({ index, term, kind, data }: Entry): StoredEntry {
  return [index, term, kind, new TextDecoder().decode(data)];
}

function unstored([index, term, kind, text]: StoredEntry): Entry {
  return { index, term, kind, data: new TextEncoder().encode(text) };
}
