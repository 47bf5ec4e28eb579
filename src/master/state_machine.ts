/**
 * Joins consensus and jobs, which do not know each other: the bytes of committed entries become
 * Commands, and their Outcomes go back to whoever proposed them.
 *
 * @module
 */

import type { JobEvent, JobMachine, Outcome } from "../jobs/mod.ts";
import type { Entry, StateMachine } from "../raft/mod.ts";
import { decodeCommand } from "../storage/mod.ts";

/** Rows that may wait to be written to state.db; they are safe in the log meanwhile. */
const DIRTY_ROWS_MAX = 20_000;
/** How long a change may wait to be written to state.db when nothing else happens, in ms. */
const FLUSH_DELAY_MS = 50;

export interface JobStateMachineOptions {
  readonly machine: JobMachine;
  /** What changed, after each batch of entries. */
  readonly onEvents: (events: readonly JobEvent[]) => void;
  /** state.db could not be written: the process must end. */
  readonly onFailed: (failure: unknown) => void;
}

export class JobStateMachine implements StateMachine<Outcome> {
  readonly #machine: JobMachine;
  readonly #options: JobStateMachineOptions;
  #flushTimer: ReturnType<typeof setTimeout> | undefined;
  #appliedIndex: number;

  constructor(options: JobStateMachineOptions) {
    this.#machine = options.machine;
    this.#options = options;
    this.#appliedIndex = options.machine.applied.index;
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  get durableAppliedIndex(): number {
    return this.#machine.durable.index;
  }

  apply(entries: readonly Entry[], throughIndex: number): readonly Outcome[] {
    const outcomes = entries.map(({ index, term, data }) =>
      this.#machine.apply(decodeCommand(data), { index, term })
    );
    this.#appliedIndex = throughIndex;
    if (this.#machine.dirtyCount >= DIRTY_ROWS_MAX) this.#machine.flush();
    else this.#scheduleFlush();
    const events = this.#machine.drainEvents();
    if (events.length > 0) this.#options.onEvents(events);
    return outcomes;
  }

  /** Writes what waits; part of an orderly stop. */
  close(): void {
    clearTimeout(this.#flushTimer);
    this.#machine.checkpoint();
  }

  #scheduleFlush(): void {
    this.#flushTimer ??= setTimeout(() => {
      this.#flushTimer = undefined;
      try {
        this.#machine.flush();
      } catch (failure) {
        this.#options.onFailed(failure);
      }
    }, FLUSH_DELAY_MS);
  }
}
