/**
 * Waiting for what takes its time, until it is there, Ctrl-C is pressed or the time is over.
 *
 * @module
 */

import { type JobView, Refusal } from "../rpc/mod.ts";
import { Interrupted, OutOfTime } from "./failure.ts";
import { onInterruption } from "./interruption.ts";
import type { Flags } from "./router.ts";
import { printable, type Sink } from "./terminal.ts";

/** Longest time that a timer of the runtime can be set to, in ms. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** How often it is looked whether somebody still reads. */
const READER_LOOK_MS = 1_000;

/** How a wait may end before what it waits for. */
export interface Limits {
  /** Wait no longer, in ms; left out: for ever. */
  readonly timeoutMs: number | undefined;
  /** What to say then, which is asked for only then. */
  readonly late: () => string;
  /** What to say after Ctrl-C or SIGTERM; left out: they end the process as usual. */
  readonly interrupted?: string;
  /** Where what comes is written: once nobody reads there any more, nobody waits. Left out: nothing is. */
  readonly reader?: Sink | undefined;
}

/**
 * Says of a job that it has not ended in time, where it is and what to do; undefined: nobody knows.
 *
 * @param isSilent no master answers, so that it may stand otherwise by now
 */
export function lateText(jobId: string, job: JobView | undefined, isSilent = false): string {
  if (job === undefined) return `the time to wait for job ${jobId} is over; no master told of it`;
  const where = job.assignedTo === "" || job.status === "pending"
    ? ""
    : ` on ${printable(job.assignedTo)}`;
  if (isSilent) {
    return `job ${jobId} was ${job.status}${where} when a master last told of it, and none answers now; ` +
      `\`conductor watch ${jobId}\` follows it once one does`;
  }
  return `job ${jobId} is still ${job.status}${where}; it goes on. \`conductor explain ${jobId}\` ` +
    `says what it waits for, \`conductor watch ${jobId}\` follows it`;
}

/**
 * What `wait` resolves to; its signal ends it early.
 *
 * @throws OutOfTime
 * @throws Interrupted
 * @throws {Deno.errors.BrokenPipe}
 */
export async function within<Answer>(
  { timeoutMs, late, interrupted, reader }: Limits,
  wait: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  const end = new AbortController();
  let deafen = () => {};
  if (interrupted !== undefined) {
    const stop = onInterruption((signal) => {
      deafen();
      end.abort(new Interrupted(interrupted, signal));
    });
    // At once, so that pressing it again ends the process, whatever the end of the wait takes.
    deafen = () => {
      deafen = () => {};
      stop();
    };
  }
  const timer = timeoutMs === undefined ? undefined : setTimeout(
    () => end.abort(new OutOfTime(late())),
    Math.min(timeoutMs, TIMER_MS_MAX),
  );
  // `conductor logs -f JOB | grep -m 1 ready`: a job that says nothing more would hold up the whole line.
  const look = reader?.isAbandoned === undefined ? undefined : setInterval(() => {
    if (!reader.isAbandoned!()) return;
    end.abort(new Deno.errors.BrokenPipe("nobody reads stdout any more"));
  }, READER_LOOK_MS);
  try {
    return await wait(end.signal);
  } finally {
    clearTimeout(timer);
    clearInterval(look);
    deafen();
  }
}

/** Whether what was waited for goes on, though nobody waits any more. */
export function isLeft(failure: unknown): boolean {
  return failure instanceof OutOfTime || failure instanceof Interrupted;
}

/** How to go on where it is not known what came of a submission, without submitting anything twice. */
export interface GoingOn {
  readonly again: () => string;
  /** A part of it is done already; left out: it has no parts. */
  readonly isBegun?: () => boolean;
}

/**
 * What `submit` resolves to. If it gets no answer, or somebody does not wait for one, its failure says how to
 * go on.
 *
 * @throws Interrupted
 */
export async function sayingHowToGoOn<Answer>(
  { again, isBegun = () => false }: GoingOn,
  submit: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  try {
    return await within(
      { timeoutMs: undefined, late: again, interrupted: "" },
      (signal) => Promise.race([submit(signal), endOf(signal)]),
    );
  } catch (failure) {
    if (failure instanceof Interrupted) throw new Interrupted(again(), failure.signal);
    if (!(failure instanceof Refusal) || !(failure.mayBeDone || isBegun())) throw failure;
    const message = `${failure.message}; ${again()}`;
    throw new Refusal(failure.reason, message, { cause: failure });
  }
}

/** Only its key makes a second try the same submission, and nobody has seen one that was made here. */
export function madeOnceText(flags: Flags, idempotencyKey: string): string {
  const same = flags.idempotencyKey === undefined
    ? `the same command with --idempotency-key ${idempotencyKey}`
    : "the same command again";
  return `the job may have been submitted: ${same} submits it once, whatever came of this`;
}

function endOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
