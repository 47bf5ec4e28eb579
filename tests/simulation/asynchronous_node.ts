/**
 * A core whose disk takes its time: the driver takes the next `Ready` before the write of the last
 * one is done, as `Ready` allows. Our own driver waits for each write; the core promises more.
 */

import {
  decodeMembership,
  DEFAULT_BOUNDS,
  MembershipHistory,
  MemoryLog,
  RaftCore,
} from "../../src/raft/mod.ts";
import type { CoreMessage, Entry, Member, OutgoingMessage, Write } from "../../src/raft/mod.ts";

interface PendingWrite {
  readonly write: Write | undefined;
  readonly messages: readonly OutgoingMessage[];
}

/** See the module's text. */
export class AsynchronousNode {
  readonly id: string;
  readonly disk = new MemoryLog();
  readonly #random: () => number;
  /** In the order in which they were asked for. */
  #pending: PendingWrite[] = [];
  core: RaftCore;
  appliedIndex = 0;
  readonly onApplied: (entries: readonly Entry[]) => void;

  constructor(
    id: string,
    voters: readonly Member[],
    random: () => number,
    onApplied: (entries: readonly Entry[]) => void = () => {},
  ) {
    this.id = id;
    this.#random = random;
    this.onApplied = onApplied;
    const membership = { voters, learners: [] };
    this.disk.reset({ index: 0, term: 0, membership }, { term: 0, vote: null, commit: 0 });
    this.core = this.#start();
  }

  /** Takes what the core wants; returns what may leave at once. Writes wait. */
  work(): readonly OutgoingMessage[] {
    const sent: OutgoingMessage[] = [];
    for (let ready = this.core.takeReady(); ready !== undefined; ready = this.core.takeReady()) {
      sent.push(...ready.messages);
      const { write, messagesAfterWrite: messages } = ready;
      if (write !== undefined || messages.length > 0) this.#pending.push({ write, messages });
      this.#apply(ready.committed);
    }
    return sent;
  }

  step(message: CoreMessage): void {
    this.core.step(message);
  }

  get writesPending(): number {
    return this.#pending.length;
  }

  /** The oldest write is done; returns what was waiting for it. */
  completeWrite(): readonly OutgoingMessage[] {
    const oldest = this.#pending.shift();
    if (oldest === undefined) return [];
    const { write, messages } = oldest;
    if (write !== undefined) {
      this.disk.append(write.entries, write.hardState);
      this.core.wrote(write.ticket);
    }
    return messages;
  }

  /** Loses all writes that are not done, and comes back. */
  crash(): void {
    this.#pending = [];
    this.appliedIndex = 0;
    this.core = this.#start();
  }

  #apply(committed: readonly Entry[]): void {
    const last = committed.at(-1);
    if (last === undefined) return;
    this.appliedIndex = last.index;
    this.onApplied(committed);
    this.core.applied(last.index);
  }

  #start(): RaftCore {
    const { index, membership } = this.disk.boundary;
    const memberships = new MembershipHistory(index, membership);
    for (const { index, data } of this.disk.membershipEntries()) {
      memberships.append(index, decodeMembership(data));
    }
    return new RaftCore({
      id: this.id,
      log: this.disk,
      hardState: this.disk.hardState,
      memberships,
      appliedIndex: this.appliedIndex,
      timings: { electionTicks: 10, heartbeatTicks: 2 },
      bounds: DEFAULT_BOUNDS,
      random: this.#random,
    });
  }
}
