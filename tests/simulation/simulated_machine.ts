/**
 * What the simulated nodes replicate: the real job machine, and beside it lists that clients append
 * to, whose histories are simple enough to judge. Each append carries its client's sequence number,
 * so that one that is retried is done once. What is durable lags behind what was applied, as
 * `state.db` does.
 */

import type { Command, JobEvent, Outcome } from "../../src/jobs/mod.ts";
import { JobMachine, MemoryJobStore } from "../../src/jobs/mod.ts";
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

/** A proposal: an append, or a command to the job machine. */
export type Proposal =
  | ({ readonly kind: "append" } & AppendCommand)
  | { readonly kind: "job"; readonly command: Command };

/** What comes of a {@linkcode Proposal}. */
export type ProposalOutcome = AppendOutcome | Outcome;

/** Longer than all jumps of clocks together: a leap of a day forgets what a day old key knew. */
const KEY_RETENTION_MS = 365 * 86_400_000;

/** Told of every job command that is applied. */
export type JobListener = (
  command: Command,
  outcome: Outcome,
  position: { readonly index: number; readonly term: number },
  events: readonly JobEvent[],
  machine: JobMachine,
) => void;

/** The length of the list after the append, and whether it had been done before. */
export interface AppendOutcome {
  readonly position: number;
  readonly repeated: boolean;
}

/** All of the state. */
interface ListState {
  index: number;
  hash: number;
  /** In a snapshot: the name of its job store. */
  jobs: string;
  lists: Map<string, string[]>;
  /** Last append of each client. */
  done: Map<string, { sequence: number; position: number }>;
}

/** What survives a crash of its process. */
export class ListStorage {
  saved: string = encode(emptyState());
  /** As of {@linkcode saved}. */
  savedJobs = new MemoryJobStore();
  /** Job stores of snapshots, which are too deep to be sent as text; by the snapshot's name. */
  readonly #shelf: Map<string, MemoryJobStore>;
  /** Received parts of snapshots, by transfer. */
  readonly partial = new Map<string, number[]>();
  /** A crash amid an installation: before, or after it took effect. */
  crashAtInstall = 0;

  /** @param shelf shared by all nodes of a run */
  constructor(shelf: Map<string, MemoryJobStore>) {
    this.#shelf = shelf;
  }

  /** Power fails: what was received of a snapshot was not forced to the disk. */
  crash(random: Random): void {
    for (const held of this.partial.values()) {
      if (random.chance(0.3)) held.length = random.below(held.length + 1);
    }
  }

  shelve(name: string, jobs: MemoryJobStore): void {
    this.#shelf.set(name, jobs);
  }

  fetch(name: string): MemoryJobStore | undefined {
    return this.#shelf.get(name);
  }
}

/** See the module's text. */
export class SimulatedMachine implements StateMachine<ProposalOutcome> {
  readonly #storage: ListStorage;
  readonly #random: Random;
  #state: ListState;
  readonly #jobStore: MemoryJobStore;
  readonly jobs: JobMachine;
  #durableIndex: number;
  #unsaved = 0;
  /** Told after every batch. */
  onApplied: (entries: readonly Entry[], hashes: readonly number[]) => void = () => {};
  onJob: JobListener = () => {};
  /** Told when a snapshot took the place of the state. */
  onInstalled: (index: number, hash: number) => void = () => {};
  /** Runs `make` some time later. */
  readonly #later: (make: () => void) => void;

  constructor(storage: ListStorage, random: Random, later: (make: () => void) => void) {
    this.#storage = storage;
    this.#random = random;
    this.#later = later;
    this.#state = decode(storage.saved);
    this.#jobStore = storage.savedJobs.copy();
    this.jobs = new JobMachine(this.#jobStore, { keyRetentionMs: KEY_RETENTION_MS });
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

  apply(entries: readonly Entry[], throughIndex: number): readonly ProposalOutcome[] {
    const hashes: number[] = [];
    const outcomes = entries.map((entry) => {
      const { text, proposal } = decoded(entry.data);
      const outcome = this.#applyProposal(proposal, entry);
      // Replicas must agree on what came of a command, not only on the command.
      const told = JSON.stringify(outcome);
      this.#state.hash = checksumOf(`${this.#state.hash} ${entry.index} ${text} ${told}`);
      hashes.push(this.#state.hash);
      return outcome;
    });
    this.#state.index = throughIndex;
    this.#unsaved += entries.length + 1;
    if (this.#unsaved > 20 + this.#random.below(40)) this.save();
    this.onApplied(entries, hashes);
    return outcomes;
  }

  /** Makes the state durable: effects and applied index together. */
  save(): void {
    const { index } = this.#state;
    this.jobs.flush({ index: Math.max(index, this.jobs.applied.index), term: 0 });
    this.#storage.saved = encode(this.#state);
    this.#storage.savedJobs = this.#jobStore.copy();
    this.#durableIndex = index;
    this.#unsaved = 0;
  }

  readonly snapshots: SnapshotPort = {
    create: (metadata) => {
      const name = `${metadata.index}-${metadata.term}-${this.#random.below(1e9)}`;
      this.jobs.flush({ index: this.#state.index, term: 0 });
      this.#storage.shelve(name, this.#jobStore.copy());
      const text = encode({ ...this.#state, jobs: name });
      const bytes = new TextEncoder().encode(`${checksumOf(text)}\n${text}`);
      return new Promise((resolve) => this.#later(() => resolve(sourceOf(metadata, bytes))));
    },
    receive: (transferId, metadata, totalBytes) => this.#sink(transferId, metadata, totalBytes),
  };

  #applyProposal(proposal: Proposal, entry: Entry): ProposalOutcome {
    if (proposal.kind === "append") return this.#applyOne(proposal);
    const outcome = this.jobs.apply(proposal.command, entry);
    this.onJob(proposal.command, outcome, entry, this.jobs.drainEvents(), this.jobs);
    return outcome;
  }

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
    const faultFound = () => {
      if (held.length !== totalBytes) return `${held.length} of ${totalBytes} bytes`;
      const text = new TextDecoder().decode(Uint8Array.from(held));
      const [checksum = "", body = ""] = text.split("\n");
      // Deliberately not compared with the body: chunks carry checksums of their own, and the
      // simulation must see it if they are not heeded.
      parsed = decode(body);
      if (!Number.isSafeInteger(Number(checksum))) return "no checksum";
      return parsed.index === metadata.index ? undefined : `state of ${parsed.index}`;
    };
    return {
      get receivedBytes() {
        return held.length;
      },
      write: (data) => {
        for (const byte of data) held.push(byte);
      },
      fault: () =>
        new Promise((resolve, reject) =>
          this.#later(() => {
            try {
              resolve(faultFound());
            } catch (error) {
              reject(error);
            }
          })
        ),
      install: () => {
        if (parsed === undefined) throw new Error("A snapshot was installed unchecked");
        if (this.#random.chance(storage.crashAtInstall)) throw new SimulatedCrash();
        const jobs = storage.fetch(parsed.jobs);
        if (jobs === undefined) throw new Error(`There is no snapshot "${parsed.jobs}"`);
        this.#state = parsed;
        this.#jobStore.install(jobs);
        this.jobs.reload();
        this.save();
        storage.partial.clear();
        this.onInstalled(metadata.index, this.hash);
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
  return { index: 0, hash: 0, jobs: "", lists: new Map(), done: new Map() };
}

function encode(state: ListState): string {
  const { index, hash, jobs, lists, done } = state;
  return JSON.stringify({ index, hash, jobs, lists: [...lists], done: [...done] });
}

function decode(text: string): ListState {
  const { index, hash, jobs, lists, done } = JSON.parse(text);
  return { index, hash, jobs, lists: new Map(lists), done: new Map(done) };
}

/** A proposal as the bytes of an entry. */
export function encodeProposal(proposal: Proposal): Uint8Array {
  const text = JSON.stringify(
    proposal,
    (_, value) => value instanceof Uint8Array ? { bytes: [...value] } : value,
  );
  return new TextEncoder().encode(text);
}

interface Decoded {
  readonly text: string;
  readonly proposal: Proposal;
}

/** Nodes of one process share the bytes of an entry, so each is decoded once. */
const DECODED = new WeakMap<Uint8Array, Decoded>();

function decoded(data: Uint8Array): Decoded {
  let known = DECODED.get(data);
  if (known === undefined) {
    const text = new TextDecoder().decode(data);
    known = { text, proposal: decodeProposal(text) };
    DECODED.set(data, known);
  }
  return known;
}

function decodeProposal(text: string): Proposal {
  if (!text.includes('"bytes"')) return JSON.parse(text);
  return JSON.parse(text, (_, value) => {
    const bytes = typeof value === "object" && value !== null ? value.bytes : undefined;
    return Array.isArray(bytes) ? Uint8Array.from(bytes) : value;
  });
}
