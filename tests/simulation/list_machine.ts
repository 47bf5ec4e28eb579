/**
 * The simulation's own state machine: lists that clients append to. Each append carries its client's
 * sequence number, so that one that is retried is done once. What it holds durably lags behind what
 * it applied, as `state.db` does.
 */

import type {
  Entry,
  SnapshotMetadata,
  SnapshotPort,
  SnapshotSink,
  SnapshotSource,
  StateMachine,
} from "../../src/raft/mod.ts";
import { checksumOf, SimulatedCrash } from "./disk.ts";
import type { Random } from "./random.ts";

/** What clients propose. */
export interface AppendCommand {
  readonly client: string;
  readonly sequence: number;
  readonly key: string;
  readonly value: string;
}

/** The length of the list after the append, and whether it had been done before. */
export interface AppendOutcome {
  readonly position: number;
  readonly repeated: boolean;
}

/** All of the state. */
interface ListState {
  index: number;
  hash: number;
  lists: Map<string, string[]>;
  /** Last append of each client. */
  done: Map<string, { sequence: number; position: number }>;
}

/** What survives a crash of its process. */
export class ListStorage {
  saved: string = encode(emptyState());
  /** Received parts of snapshots, by transfer. */
  readonly partial = new Map<string, number[]>();
  /** A crash amid an installation: before, or after it took effect. */
  crashAtInstall = 0;
}

/** See the module's text. */
export class ListMachine implements StateMachine<AppendOutcome> {
  readonly #storage: ListStorage;
  readonly #random: Random;
  #state: ListState;
  #durableIndex: number;
  #unsaved = 0;
  /** Told after every batch. */
  onApplied: (entries: readonly Entry[], hashes: readonly number[]) => void = () => {};
  /** Runs `make` some time later. */
  readonly #later: (make: () => void) => void;

  constructor(storage: ListStorage, random: Random, later: (make: () => void) => void) {
    this.#storage = storage;
    this.#random = random;
    this.#later = later;
    this.#state = decode(storage.saved);
    this.#durableIndex = this.#state.index;
  }

  get appliedIndex(): number {
    return this.#state.index;
  }

  get durableAppliedIndex(): number {
    return this.#durableIndex;
  }

  get hash(): number {
    return this.#state.hash;
  }

  list(key: string): readonly string[] {
    return this.#state.lists.get(key) ?? [];
  }

  get keys(): readonly string[] {
    return [...this.#state.lists.keys()];
  }

  apply(entries: readonly Entry[], throughIndex: number): readonly AppendOutcome[] {
    const hashes: number[] = [];
    const outcomes = entries.map((entry) => {
      const text = new TextDecoder().decode(entry.data);
      this.#state.hash = checksumOf(`${this.#state.hash} ${entry.index} ${text}`);
      hashes.push(this.#state.hash);
      return this.#applyOne(JSON.parse(text));
    });
    this.#state.index = throughIndex;
    this.#unsaved += entries.length + 1;
    if (this.#unsaved > 20 + this.#random.below(40)) this.save();
    this.onApplied(entries, hashes);
    return outcomes;
  }

  /** Makes the state durable: effects and applied index together. */
  save(): void {
    this.#storage.saved = encode(this.#state);
    this.#durableIndex = this.#state.index;
    this.#unsaved = 0;
  }

  readonly snapshots: SnapshotPort = {
    create: (metadata) => {
      const text = encode(this.#state);
      const bytes = new TextEncoder().encode(`${checksumOf(text)}\n${text}`);
      return new Promise((resolve) => this.#later(() => resolve(sourceOf(metadata, bytes))));
    },
    receive: (transferId, metadata, totalBytes) => this.#sink(transferId, metadata, totalBytes),
  };

  #applyOne(command: AppendCommand): AppendOutcome {
    const { client, sequence, key, value } = command;
    const last = this.#state.done.get(client);
    if (last !== undefined && last.sequence >= sequence) {
      return { position: last.position, repeated: true };
    }
    const list = this.#state.lists.get(key) ?? [];
    list.push(value);
    this.#state.lists.set(key, list);
    this.#state.done.set(client, { sequence, position: list.length });
    return { position: list.length, repeated: false };
  }

  #sink(transferId: string, metadata: SnapshotMetadata, totalBytes: number): SnapshotSink {
    const storage = this.#storage;
    const held = storage.partial.get(transferId) ?? [];
    storage.partial.clear();
    storage.partial.set(transferId, held);
    let parsed: ListState | undefined;
    return {
      get receivedBytes() {
        return held.length;
      },
      write: (data) => {
        for (const byte of data) held.push(byte);
      },
      fault: () => {
        if (held.length !== totalBytes) return `${held.length} of ${totalBytes} bytes`;
        const text = new TextDecoder().decode(Uint8Array.from(held));
        const [checksum = "", body = ""] = text.split("\n");
        // Deliberately not compared with the body: chunks carry checksums of their own, and the
        // simulation must see it if they are not heeded.
        parsed = decode(body);
        if (!Number.isSafeInteger(Number(checksum))) return "no checksum";
        return parsed.index === metadata.index ? undefined : `state of ${parsed.index}`;
      },
      install: () => {
        if (parsed === undefined) throw new Error("A snapshot was installed unchecked");
        if (this.#random.chance(storage.crashAtInstall)) throw new SimulatedCrash();
        this.#state = parsed;
        this.save();
        storage.partial.clear();
        if (this.#random.chance(storage.crashAtInstall)) throw new SimulatedCrash();
      },
      discard: () => {
        storage.partial.delete(transferId);
      },
    };
  }
}

function sourceOf(metadata: SnapshotMetadata, bytes: Uint8Array): SnapshotSource {
  return {
    metadata,
    totalBytes: bytes.byteLength,
    read: (offset, length) => bytes.slice(offset, offset + length),
    release: () => {},
  };
}

function emptyState(): ListState {
  return { index: 0, hash: 0, lists: new Map(), done: new Map() };
}

function encode(state: ListState): string {
  const { index, hash, lists, done } = state;
  return JSON.stringify({ index, hash, lists: [...lists], done: [...done] });
}

function decode(text: string): ListState {
  const { index, hash, lists, done } = JSON.parse(text);
  return { index, hash, lists: new Map(lists), done: new Map(done) };
}
