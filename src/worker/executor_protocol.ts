/**
 * What a worker and its executor process say to each other.
 *
 * @module
 */

import type { ParentResult, Programs } from "../job_types/mod.ts";
import type { AttemptEnd, AttemptEnvironment, AttemptTask } from "./attempt.ts";
import type { ToldSpan } from "./attempt_spans.ts";
import type { ConfinementOptions } from "./confinement.ts";
import type { PermissionName } from "./executor_permissions.ts";

/** What an executor process is to become before it takes attempts. */
export interface ExecutorSetup {
  readonly environment: AttemptEnvironment;
  /** What the type `exec` may start. */
  readonly programs: Programs;
  /** Modules with custom job types. */
  readonly handlerPaths: readonly string[];
  readonly confinement: ConfinementOptions;
  /** Permissions that it gives up. */
  readonly drop: readonly PermissionName[];
}

/** To the executor process. The first message is `setup`; one attempt runs at a time. */
export type ToExecutor =
  /** `mark`: what the commands that it starts carry in their environment, to be found by. */
  | { readonly kind: "setup"; readonly setup: ExecutorSetup; readonly mark: string }
  /** Attempts at these types will come: what takes long the first time may be done now. */
  | { readonly kind: "prepare"; readonly jobTypes: readonly string[] }
  | { readonly kind: "run"; readonly task: AttemptTask }
  /** The attempt shall stop; the process is ended if it does not within its grace. */
  | { readonly kind: "stop"; readonly reason: string }
  /** Answers `ask_parent`; without a result there is an error. */
  | {
    readonly kind: "parent";
    readonly jobId: string;
    readonly result?: ParentResult;
    readonly error?: string;
    /** The error will be the same next time. */
    readonly permanent?: boolean;
  };

/** From the executor process. */
export type FromExecutor =
  /** `refused`: bounds that the system does not let it set itself. */
  | { readonly kind: "ready"; readonly refused: readonly string[] }
  | { readonly kind: "setup_failed"; readonly error: string }
  | { readonly kind: "progress"; readonly fraction: number; readonly message: string }
  /** Before these lines came `skipped` more, of which nothing is kept. */
  | { readonly kind: "log"; readonly lines: readonly string[]; readonly skipped: number }
  | { readonly kind: "ask_parent"; readonly jobId: string }
  | { readonly kind: "span"; readonly told: ToldSpan }
  /** What an attempt left behind that has ended has failed. */
  | {
    readonly kind: "orphan";
    readonly jobType: string;
    readonly jobId: string;
    readonly error: string;
  }
  | { readonly kind: "end"; readonly end: AttemptEnd };

/** Longest message to an executor process, in bytes: a payload or what a parent left. */
export const ORDER_BYTES_MAX = 256 * 1024 * 1024;
/** What a message from it may hold besides a result, in bytes. */
export const NEWS_BYTES_MAX = 1024 * 1024;

/**
 * What an executor process says, if it is what one says: a job may have got hold of its channel.
 *
 * @throws Error for anything else.
 */
export function checkedNews(message: unknown): FromExecutor {
  const fields = fieldsOf(message);
  const holds = (kinds: Readonly<Record<string, string>>) =>
    Object.entries(kinds).every(([name, kind]) => kind === kindOf(fields[name]));
  const isNews = (fields.kind === "ready" && areTexts(fields.refused)) ||
    (fields.kind === "setup_failed" && holds({ error: "string" })) ||
    (fields.kind === "progress" && holds({ fraction: "number", message: "string" })) ||
    (fields.kind === "log" && holds({ skipped: "number" }) && areTexts(fields.lines)) ||
    (fields.kind === "ask_parent" && holds({ jobId: "string" })) ||
    (fields.kind === "orphan" && holds({ jobType: "string", jobId: "string", error: "string" })) ||
    (fields.kind === "span" && isToldSpan(fieldsOf(fields.told))) ||
    (fields.kind === "end" && isEnd(fieldsOf(fields.end)));
  if (!isNews) throw new Error("it is no message of an executor process");
  return message as FromExecutor;
}

function kindOf(value: unknown): string {
  return typeof value;
}

function isEnd(end: Readonly<Record<string, unknown>>): boolean {
  return end.ok === true
    ? end.output instanceof Uint8Array && typeof end.contentType === "string"
    : end.ok === false && typeof end.error === "string" && typeof end.permanent === "boolean";
}

function isToldSpan(told: Readonly<Record<string, unknown>>): boolean {
  const isTimed = typeof told.id === "number" && Number.isFinite(told.atMs);
  if (told.kind === "ended") return isTimed && typeof told.error === "string";
  return told.kind === "began" && isTimed && typeof told.parent === "number" &&
    typeof told.name === "string" &&
    Object.values(fieldsOf(told.values)).every((value) =>
      typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)
    );
}

function areTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
