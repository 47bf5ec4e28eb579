/**
 * Does what a `Ready` asks for, in its order, and waits where the disk is full: the one failure of a
 * port that a node survives. All others go up, and end it.
 */

import type { RaftCore } from "./core.ts";
import type { Entry } from "./entry.ts";
import { invariant } from "./invariant.ts";
import type { PendingProposals, PendingReads } from "./pending.ts";
import { DiskFull } from "./ports.ts";
import type { LogStore, StateMachine, Transport } from "./ports.ts";
import type { Ready } from "./ready.ts";
import type { SnapshotDriver } from "./snapshot_driver.ts";

/** What the work is done with. */
export interface ReadyWorkOptions<Outcome> {
  readonly core: Pick<RaftCore, "wrote" | "applied" | "stepDown">;
  readonly log: LogStore;
  readonly transport: Transport;
  readonly stateMachine: StateMachine<Outcome>;
  readonly snapshots: Pick<SnapshotDriver, "install" | "start">;
  readonly proposals: PendingProposals<Outcome>;
  readonly reads: PendingReads;
  /** Ticks between two tries while the disk is full. */
  readonly retryTicks: number;
  /** The disk is full (true), or has room again (false). */
  readonly fullChanged: (full: boolean) => void;
}

/** How far the work on a `Ready` has come; a full disk leaves the stage that met it undone. */
type Stage = "install" | "write" | "apply";

/** See the module's text. */
export class ReadyWork<Outcome> {
  readonly #options: ReadyWorkOptions<Outcome>;
  /** What is left to do of the `Ready` that met a full disk. */
  #blocked: { readonly ready: Ready; readonly stage: Stage } | undefined;
  #ticksUntilRetry = 0;

  constructor(options: ReadyWorkOptions<Outcome>) {
    this.#options = options;
  }

  /** Whether the disk is full: this node then neither hears nor says anything. */
  get isBlocked(): boolean {
    return this.#blocked !== undefined;
  }

  /** A tick while it is blocked. Returns whether to try again. */
  tick(): boolean {
    return --this.#ticksUntilRetry <= 0;
  }

  /** The first part of `ready`: what need not wait for the disk. */
  send({ messages }: Ready): void {
    this.#options.transport.send(messages);
  }

  /**
   * The second part: what belongs on the disk, and what may be said then. Returns false when the disk
   * is full; the last part is then done along with what is left of this one.
   */
  write(ready: Ready): boolean {
    return this.#from("install", ready, "write");
  }

  /** The last part: what is committed. Returns false when the disk is full. */
  apply(ready: Ready): boolean {
    return this.#from("apply", ready, "apply");
  }

  /** Goes on where the disk was full, if it is time. Returns whether nothing is left undone. */
  resume(): boolean {
    if (this.#blocked === undefined) return true;
    if (this.#ticksUntilRetry > 0) return false;
    const { ready, stage } = this.#blocked;
    if (!this.#from(stage, ready, "apply")) return false;
    this.#blocked = undefined;
    this.#options.fullChanged(false);
    return true;
  }

  #from(first: Stage, ready: Ready, last: "write" | "apply"): boolean {
    const { stateMachine, reads, snapshots } = this.#options;
    let stage = first;
    try {
      if (stage === "install") {
        if (ready.snapshotToInstall !== undefined) snapshots.install(ready.snapshotToInstall);
        stage = "write";
      }
      if (stage === "write") {
        this.#write(ready);
        stage = "apply";
      }
      if (last === "write") return true;
      this.#apply(ready.committed);
    } catch (error) {
      if (!(error instanceof DiskFull)) throw error;
      this.#block(ready, stage);
      return false;
    }
    reads.applied(stateMachine.appliedIndex);
    for (const peer of ready.snapshotsToSend) snapshots.start(peer);
    return true;
  }

  #write(ready: Ready): void {
    const { core, log, transport, reads } = this.#options;
    if (ready.write !== undefined) log.append(ready.write.entries, ready.write.hardState);
    transport.send(ready.messagesAfterWrite);
    if (ready.write !== undefined) core.wrote(ready.write.ticket);
    for (const { requestId, index } of ready.reads) reads.confirmed(requestId, index);
  }

  #apply(committed: readonly Entry[]): void {
    const last = committed.at(-1);
    if (last === undefined) return;
    const { core, stateMachine, proposals } = this.#options;
    const commands = committed.every((entry) => entry.kind === "command")
      ? committed
      : committed.filter((entry) => entry.kind === "command");
    const outcomes = stateMachine.apply(commands, last.index);
    invariant(
      outcomes.length === commands.length && stateMachine.appliedIndex === last.index,
      () =>
        `${commands.length} commands up to ${last.index} had ${outcomes.length} outcomes, ` +
        `and the state machine stands at ${stateMachine.appliedIndex}`,
    );
    core.applied(last.index);
    proposals.applied(commands, outcomes, last.index);
  }

  /** Steps aside: who cannot write must not lead. */
  #block(ready: Ready, stage: Stage): void {
    const { core, retryTicks, fullChanged } = this.#options;
    if (this.#blocked === undefined) fullChanged(true);
    this.#blocked = { ready, stage };
    this.#ticksUntilRetry = retryTicks;
    core.stepDown();
  }
}

/**
 * Whether followers are to write what this leader is to write. Its transport puts bytes on the wire
 * no sooner than this turn ends, and the disk holds up the turn: so the write is left to the next one,
 * or the followers' disks would wait for this one's.
 */
export function replicates({ write, messages }: Ready): boolean {
  return write !== undefined && write.entries.length > 0 &&
    messages.some((each) => each.kind === "append_request" && each.entries.length > 0);
}

/**
 * Whether somebody waits for what is said after the write, while there is something to apply, which
 * would hold up the turn, too. Nobody waits for that: it is left to the next one.
 */
export function answers({ messagesAfterWrite, committed }: Ready): boolean {
  return messagesAfterWrite.length > 0 && committed.length > 0;
}
