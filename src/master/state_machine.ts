/**
 * Joins consensus and jobs, which do not know each other: the bytes of committed entries become
 * Commands, and their Outcomes go back to whoever proposed them.
 *
 * @module
 */

import type { JobEvent, JobMachine, LogPosition, Outcome } from "../jobs/mod.ts";
import { DiskFull, type Entry, type StateMachine } from "../raft/mod.ts";
import { decodeCommand, type SqliteJobStore } from "../storage/mod.ts";
import type { ApplyTracing } from "./apply_tracing.ts";
import { JobSnapshots, type MadeSnapshot } from "./snapshots.ts";

/** Rows that may wait to be written to state.db; they are safe in the log meanwhile. */
const DIRTY_ROWS_MAX = 20_000;
/**
 * How long a change may wait to be written to state.db when nothing else happens, in ms. A job that
 * ends within it is written once instead of twice; the longer, the longer a flush holds up.
 */
const FLUSH_DELAY_MS = 200;
/** With so many rows a flush waits no longer: it takes some 5 µs each, in which nothing else is done. */
const FLUSHED_SOON_ROWS = 1_000;
/** The same while there are moments in which nobody waits for this node, of which one will do. */
const FLUSHED_ANYWAY_ROWS = 4_000;

export interface JobStateMachineOptions {
  readonly machine: JobMachine;
  readonly store: SqliteJobStore;
  /** Where snapshots lie while they are sent or received. */
  readonly snapshotDirectory: string;
  readonly onSnapshotMade: (made: MadeSnapshot) => void;
  /** The state was replaced as a whole. */
  readonly onRestored: (index: number) => void;
  /** Absent while tracing is off. */
  readonly tracing?: ApplyTracing;
  /** What changed, after each entry that changed something. */
  readonly onEvents: (events: readonly JobEvent[]) => void;
  /** state.db could not be written: the process must end. */
  readonly onFailed: (failure: unknown) => void;
  /** For tests; default: `setTimeout`. */
  readonly after?: (delayMs: number, run: () => void) => ReturnType<typeof setTimeout>;
}

export class JobStateMachine implements StateMachine<Outcome> {
  readonly #machine: JobMachine;
  readonly #options: JobStateMachineOptions;
  readonly snapshots: JobSnapshots;
  #flushTimer: ReturnType<typeof setTimeout> | undefined;
  /** It does not wait for FLUSH_DELAY_MS, or has waited in vain already. */
  #isFlushSettled = false;
  /** There was such a moment since the last flush that could not wait for one. */
  #hasLeisure = false;
  #isDiskFull = false;
  #appliedIndex: number;

  constructor(options: JobStateMachineOptions) {
    this.#machine = options.machine;
    this.#options = options;
    this.#appliedIndex = options.machine.applied.index;
    this.snapshots = new JobSnapshots({
      store: options.store,
      machine: options.machine,
      directory: options.snapshotDirectory,
      onMade: options.onSnapshotMade,
      onInstalled: ({ index }) => {
        this.#appliedIndex = index;
        options.onRestored(index);
      },
    });
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  get durableAppliedIndex(): number {
    return this.#machine.durable.index;
  }

  /** @throws {DiskFull} before anything is applied, so that it can be tried again */
  apply(entries: readonly Entry[], throughIndex: number): readonly Outcome[] {
    if (this.#machine.dirtyCount >= DIRTY_ROWS_MAX) this.#machine.flush();
    const outcomes = entries.map((entry) => {
      const outcome = this.#applyEntry(entry);
      // Not those of all entries at once: meanwhile they would be what outlives the new generation.
      const events = this.#machine.drainEvents();
      if (events.length > 0) this.#options.onEvents(events);
      return outcome;
    });
    this.#appliedIndex = throughIndex;
    this.#scheduleFlush();
    return outcomes;
  }

  /** Writes what waits, if it is much, so that it holds up nobody. */
  atLeisure(): void {
    this.#hasLeisure = true;
    if (this.#machine.dirtyCount < FLUSHED_SOON_ROWS || this.#isDiskFull) return;
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    this.#guarded(() => this.#machine.flush());
  }

  #applyEntry({ index, term, data }: Entry): Outcome {
    const command = decodeCommand(data);
    const position = { index, term };
    const { tracing } = this.#options;
    if (tracing === undefined) return this.#machine.apply(command, position);
    return tracing.run(command, position, () => this.#machine.apply(command, position));
  }

  /**
   * Makes everything applied durable in state.db, so that the log may be compacted behind it.
   *
   * @param position of the last entry, where it was not a command
   */
  checkpoint(position?: LogPosition): void {
    this.#guarded(() => this.#machine.checkpoint(position));
  }

  /** Writes what waits; part of an orderly stop. What finds no room is in the log. */
  close(): void {
    clearTimeout(this.#flushTimer);
    try {
      this.#machine.checkpoint();
    } catch (failure) {
      if (!(failure instanceof DiskFull)) throw failure;
    }
  }

  #scheduleFlush(): void {
    const rows = this.#machine.dirtyCount;
    const isManyRows = rows >= (this.#hasLeisure ? FLUSHED_ANYWAY_ROWS : FLUSHED_SOON_ROWS);
    if (this.#flushTimer !== undefined && (this.#isFlushSettled || !isManyRows)) return;
    this.#isFlushSettled = isManyRows;
    // What was applied is told first, even so.
    this.#flushIn(isManyRows ? 0 : FLUSH_DELAY_MS);
  }

  #flushIn(delayMs: number): void {
    const { after = (ms, run) => setTimeout(run, ms) } = this.#options;
    clearTimeout(this.#flushTimer);
    this.#flushTimer = after(delayMs, () => {
      this.#flushTimer = undefined;
      this.#hasLeisure &&= !this.#isFlushSettled;
      this.#guarded(() => this.#machine.flush());
    });
  }

  /** A full disk is waited out: the log holds what state.db does not. Anything else is the end. */
  #guarded(write: () => void): void {
    try {
      write();
      this.#isDiskFull = false;
    } catch (failure) {
      if (!(failure instanceof DiskFull)) return this.#options.onFailed(failure);
      this.#isDiskFull = true;
      this.#isFlushSettled = true;
      this.#flushIn(FLUSH_DELAY_MS);
    }
  }
}
