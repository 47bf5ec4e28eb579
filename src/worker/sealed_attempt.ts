/**
 * An attempt whose payload came encrypted: it is decrypted for the type alone, and whatever the
 * attempt says or leaves is encrypted before it goes anywhere, the worker's own journal, log and
 * spans included.
 *
 * @module
 */

import { PermanentJobError } from "../job_types/light.ts";
import type { AssignedJob, ParentResultView } from "../rpc/light.ts";
import {
  clearBytesIn,
  isSealed,
  PayloadKeyError,
  type PayloadKeys,
  type SealContext,
} from "../security/light.ts";
import type { AttemptEnd, AttemptListener } from "./attempt.ts";

/** Of an error, in characters, as masters keep it. */
const ERROR_CHARACTERS_MAX = 4_096;
/** Of a log line or a message of progress. */
const LINE_CHARACTERS_MAX = 2_000;
/** Lines that wait to be encrypted; of more, only the last are kept, as of any log. */
const LINES_WAITING_MAX = 1_000;

/** What an attempt begins with: its payload in clear, or why it has none. */
export type OpenedPayload =
  | { readonly ok: true; readonly payload: Uint8Array; readonly seal: AttemptSeal | undefined }
  | { readonly ok: false; readonly error: string };

/** Decrypts a payload, if it is encrypted. Never rejects for a payload that cannot be. */
export async function openedPayload(job: AssignedJob, keys: PayloadKeys): Promise<OpenedPayload> {
  const payload = job.payload ?? new Uint8Array(0);
  if (!isSealed(payload)) return { ok: true, payload, seal: undefined };
  try {
    const clear = await keys.open(payload, { kind: "payload", jobType: job.type });
    return { ok: true, payload: clear, seal: new AttemptSeal(job, keys) };
  } catch (failure) {
    if (!(failure instanceof PayloadKeyError)) throw failure;
    return { ok: false, error: `the payload cannot be read: ${failure.message}` };
  }
}

/**
 * How a job ended that this one depends on, in clear.
 *
 * @throws PermanentJobError for a result that cannot be decrypted
 */
export async function openedParent(
  parent: ParentResultView,
  jobId: string,
  keys: PayloadKeys,
): Promise<ParentResultView> {
  const error = await keys.openText(parent.error, { kind: "text", jobId });
  if (!isSealed(parent.output)) return { ...parent, error };
  try {
    const output = await keys.open(parent.output, { kind: "result", jobId });
    return { ...parent, error, output };
  } catch (failure) {
    if (!(failure instanceof PayloadKeyError)) throw failure;
    throw new PermanentJobError(`the result of job ${jobId} cannot be read: ${failure.message}`);
  }
}

/** Encrypts what one attempt says and leaves. */
export class AttemptSeal {
  readonly #job: AssignedJob;
  readonly #keys: PayloadKeys;
  readonly #text: SealContext;
  /** Lines, and how many were skipped in between, in their order. */
  readonly #lines: (string | number)[] = [];
  #progress: { readonly fraction: number; readonly message: string } | undefined;
  #pump: Promise<void> | undefined;

  constructor(job: AssignedJob, keys: PayloadKeys) {
    this.#job = job;
    this.#keys = keys;
    this.#text = { kind: "text", jobId: job.id };
  }

  /** The same listener, that hears nothing in clear. */
  listener(inner: AttemptListener): AttemptListener {
    return {
      parentResult: (jobId) => inner.parentResult(jobId),
      progress: (fraction, message) => {
        this.#progress = { fraction, message };
        this.#pump ??= this.#run(inner);
      },
      log: (line) => this.#add(line, inner),
      skippedLog: (lines) => this.#add(lines, inner),
      // Collectors hold no keys: a part has its name and its times, and what it was about stays here.
      span: (told) =>
        inner.span(
          told.kind === "began"
            ? { ...told, values: {} }
            : { ...told, error: told.error === "" ? "" : "it failed" },
        ),
    };
  }

  /** What it left, after all that it said before was told. */
  async end(end: AttemptEnd): Promise<AttemptEnd> {
    await this.#pump;
    if (!end.ok) {
      const { nonRetryableErrors = [] } = this.#job.options ?? {};
      // Masters look for these texts in errors that they can read.
      const permanent = end.permanent ||
        nonRetryableErrors.some((text) => text !== "" && end.error.includes(text));
      return { ...end, permanent, error: await this.#sealed(end.error, ERROR_CHARACTERS_MAX) };
    }
    const context: SealContext = { kind: "result", jobId: this.#job.id };
    return { ...end, output: await this.#keys.seal(end.output, context) };
  }

  #add(line: string | number, inner: AttemptListener): void {
    this.#lines.push(line);
    if (this.#lines.length > LINES_WAITING_MAX) {
      const [first, second] = this.#lines.splice(0, 2);
      this.#lines.unshift(countOf(first!) + countOf(second!));
    }
    this.#pump ??= this.#run(inner);
  }

  async #run(inner: AttemptListener): Promise<void> {
    // Whoever began it puts the promise down first.
    await Promise.resolve();
    try {
      while (this.#lines.length > 0 || this.#progress !== undefined) {
        const progress = this.#progress;
        this.#progress = undefined;
        if (progress !== undefined) {
          const { fraction, message } = progress;
          inner.progress(
            fraction,
            message === "" ? "" : await this.#sealed(message, LINE_CHARACTERS_MAX),
          );
        }
        const line = this.#lines.shift();
        if (typeof line === "number") inner.skippedLog?.(line);
        else if (line !== undefined) inner.log(await this.#sealed(line, LINE_CHARACTERS_MAX));
      }
    } finally {
      this.#pump = undefined;
    }
  }

  async #sealed(text: string, charactersMax: number): Promise<string> {
    return await this.#keys.sealText(cut(text, clearBytesIn(charactersMax)), this.#text);
  }
}

function countOf(line: string | number): number {
  return typeof line === "number" ? line : 1;
}

/** The beginning of a text that is no longer than so many bytes of UTF-8. */
function cut(text: string, bytesMax: number): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.byteLength <= bytesMax) return text;
  // A character that was cut through is left out.
  const whole = new TextDecoder().decode(bytes.subarray(0, bytesMax - 3)).replace(/\ufffd+$/, "");
  return `${whole}…`;
}
