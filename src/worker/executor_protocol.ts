/**
 * What a worker and its executor process say to each other.
 *
 * @module
 */

import type { ParentResult } from "../job_types/mod.ts";
import type { AttemptEnd, AttemptEnvironment, AttemptTask } from "./attempt.ts";

/** To the executor process. The first message is `setup`; one attempt runs at a time. */
export type ToExecutor =
  | {
    readonly kind: "setup";
    readonly environment: AttemptEnvironment;
    readonly handlerPaths: readonly string[];
  }
  | { readonly kind: "run"; readonly task: AttemptTask }
  /** Answers `ask_parent`; without a result there is an error. */
  | {
    readonly kind: "parent";
    readonly jobId: string;
    readonly result?: ParentResult;
    readonly error?: string;
  };

/** From the executor process. */
export type FromExecutor =
  | { readonly kind: "ready" }
  | { readonly kind: "setup_failed"; readonly error: string }
  | { readonly kind: "progress"; readonly fraction: number; readonly message: string }
  | { readonly kind: "log"; readonly line: string }
  | { readonly kind: "ask_parent"; readonly jobId: string }
  | { readonly kind: "end"; readonly end: AttemptEnd };

/** Longest message between the two, in bytes: a payload or a result, and some room. */
export const FRAME_BYTES_MAX = 256 * 1024 * 1024;
