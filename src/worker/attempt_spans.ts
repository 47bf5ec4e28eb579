/**
 * The parts of an attempt as its trace shows them: told by the one that runs the job, which may be a
 * process that nobody trusts, and taken into the trace by the worker.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { SpanValues } from "../job_types/light.ts";

/** What an attempt tells of its parts. */
export type ToldSpan =
  | {
    readonly kind: "began";
    /** Of this span in its attempt, from 1. */
    readonly id: number;
    /** Of the one around it; 0: the attempt. */
    readonly parent: number;
    readonly name: string;
    /** Ms since the epoch. */
    readonly atMs: number;
    readonly values: SpanValues;
  }
  | {
    readonly kind: "ended";
    readonly id: number;
    readonly atMs: number;
    /** Why it failed; empty: it did not. */
    readonly error: string;
  };

/** Parts of one attempt that a trace shows; a crawl has more pages than anybody would look at. */
export const SPANS_MAX = 128;
/** What a span says beside its name. */
const VALUES_MAX = 16;
const NAME_CHARACTERS_MAX = 64;
const TEXT_CHARACTERS_MAX = 512;

/** The part in which the present code runs, by its number in its attempt. */
const current = new AsyncLocalStorage<number>();

/** Where an attempt runs: tells of its parts as they begin and end. */
export class SpanTeller {
  readonly #tell: (told: ToldSpan) => void;
  readonly #nowMs: () => number;
  #begun = 0;

  constructor(
    tell: (told: ToldSpan) => void,
    nowMs = () => performance.timeOrigin + performance.now(),
  ) {
    this.#tell = tell;
    this.#nowMs = nowMs;
  }

  /** Runs `work` as a part with a name. */
  run<Result>(name: string, work: () => Result, values: SpanValues): Result {
    if (this.#begun >= SPANS_MAX) return work();
    const id = ++this.#begun;
    const parent = current.getStore() ?? 0;
    this.#tell({ kind: "began", id, parent, name, atMs: this.#nowMs(), values });
    const ended = (error: string) =>
      this.#tell({ kind: "ended", id, atMs: this.#nowMs(), error: cut(error) });
    let result: Result;
    try {
      result = current.run(id, work);
    } catch (failure) {
      ended(messageOf(failure));
      throw failure;
    }
    if (!(result instanceof Promise)) {
      ended("");
      return result;
    }
    // Whoever is given the promise handles its failure; here it is only looked at.
    result.then(() => ended(""), (failure) => ended(messageOf(failure)));
    return result;
  }
}

/** A span of the worker's tracer, as far as it takes to end one. */
export interface OpenSpan {
  readonly traceparent: string;
  recordError(failure: unknown): void;
  end(atMs?: number): void;
}

/** Begins a span of the worker's tracer. */
export type BeginSpan = (
  name: string,
  how: { readonly parent: string; readonly startMs: number; readonly attributes: SpanValues },
) => OpenSpan;

/** The worker's side: what an attempt told becomes spans below the attempt's own. */
export class AttemptSpans {
  readonly #attempt: string;
  readonly #begin: BeginSpan;
  readonly #open = new Map<number, OpenSpan>();
  /** Of all that began, so that what comes later has its parent. */
  readonly #traceparents = new Map<number, string>();

  /** @param attempt the attempt's own place in the trace */
  constructor(attempt: string, begin: BeginSpan) {
    this.#attempt = attempt;
    this.#begin = begin;
  }

  /** Takes what it is told within bounds: it may come from a process that a job has taken over. */
  take(told: ToldSpan): void {
    if (told.kind === "ended") {
      const span = this.#open.get(told.id);
      this.#open.delete(told.id);
      if (told.error !== "") span?.recordError(cut(told.error));
      span?.end(told.atMs);
      return;
    }
    if (this.#traceparents.size >= SPANS_MAX || this.#traceparents.has(told.id)) return;
    const span = this.#begin(told.name.slice(0, NAME_CHARACTERS_MAX), {
      parent: this.#traceparents.get(told.parent) ?? this.#attempt,
      startMs: told.atMs,
      attributes: bounded(told.values),
    });
    this.#traceparents.set(told.id, span.traceparent);
    this.#open.set(told.id, span);
  }

  /** The attempt is over: what has not ended by itself was broken off with it. */
  end(): void {
    for (const span of this.#open.values()) {
      span.recordError("the attempt ended before it");
      span.end();
    }
    this.#open.clear();
  }
}

function bounded(values: SpanValues): SpanValues {
  return Object.fromEntries(
    Object.entries(values).slice(0, VALUES_MAX).map(([name, value]) => [
      name.slice(0, NAME_CHARACTERS_MAX),
      typeof value === "string" ? cut(value) : value,
    ]),
  );
}

function cut(text: string): string {
  return text.slice(0, TEXT_CHARACTERS_MAX);
}

function messageOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}
