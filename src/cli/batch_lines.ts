/**
 * A file of jobs, one JSON object a line, and how it is cut into calls.
 *
 * @module
 */

import { exactNumber, parseExactly } from "../json/mod.ts";
import { parentsFirst, Refusal, type Submission } from "../rpc/mod.ts";
import { FlagReader } from "./arguments.ts";
import { Misuse } from "./failure.ts";
import type { Flags } from "./router.ts";
import { fieldsFrom } from "./submission.ts";

/** A job, and the line that it came from (from 1). */
export interface JobLine {
  readonly line: number;
  readonly submission: Submission;
}

/** Faults that are told of one file. */
const FAULTS_TOLD_MAX = 10;

/** What a line may say: the flags of `conductor submit`, some of them of other shape or name. */
const SHAPES: ReadonlyMap<string, { readonly flag: string; readonly isList?: boolean }> = new Map(
  [
    "type",
    "priority",
    "idempotency_key",
    "delay",
    "run_at",
    "timeout",
    "expires_in",
    "max_retries",
    "retry_delay",
    "retry_delay_max",
    "backoff",
    "queue",
    "group",
    "group_limit",
    "rate_key",
    "rate",
    "unique_key",
    "unique_mode",
    "when_dependency_fails",
    "cpu",
    "memory",
  ].map((name): [string, { flag: string; isList?: boolean }] => [name, { flag: camel(name) }])
    .concat([
      ["permanent_errors", { flag: "permanentError", isList: true }],
      ["depends_on", { flag: "dependsOn", isList: true }],
      ["require", { flag: "require", isList: true }],
      ["prefer", { flag: "prefer", isList: true }],
    ]),
);
const NAMES = [...SHAPES.keys(), "payload", "labels", "ref"].sort().join(", ");

/**
 * The jobs of a file, in its order, each in the batch. A dependency that names the `ref` of another
 * line is on that job, any other on a job that there is.
 *
 * @throws Misuse with the faults of the first lines that have some
 */
export function readJobLines(text: string, batchId: string): JobLine[] {
  const faults: string[] = [];
  const jobs: JobLine[] = [];
  text.split("\n").forEach((written, index) => {
    if (written.trim() === "") return;
    const line = index + 1;
    try {
      jobs.push({ line, submission: submissionOf(written, batchId) });
    } catch (failure) {
      if (!(failure instanceof Misuse)) throw failure;
      if (faults.length < FAULTS_TOLD_MAX) faults.push(`line ${line}: ${failure.message}`);
    }
  });
  if (faults.length > 0) throw new Misuse(faults.join("\nconductor: "));
  if (jobs.length === 0) throw new Misuse("there are no jobs: give one JSON object a line");
  return byRef(jobs);
}

/**
 * The text of a file of jobs, without the mark that some editors begin it with.
 *
 * @throws Misuse that names the first line that is not UTF-8: what came of it otherwise would be run as if
 * somebody had meant it
 */
export function textOfLines(bytes: Uint8Array): string {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    return decoder.decode(bytes);
  } catch {
    // Which line it is, is looked for only now.
  }
  for (let line = 1, begin = 0; begin < bytes.length; line++) {
    const end = bytes.indexOf(LINE_FEED, begin);
    const next = end < 0 ? bytes.length : end + 1;
    try {
      decoder.decode(bytes.subarray(begin, next));
    } catch {
      throw new Misuse(`line ${line}: it is not UTF-8`);
    }
    begin = next;
  }
  throw new Misuse("there are too many jobs to read at once; submit them in parts");
}

const LINE_FEED = 0x0a;

function submissionOf(written: string, batchId: string): Submission {
  let job: unknown;
  try {
    job = parseExactly(written);
  } catch (failure) {
    throw new Misuse(`it is not JSON (${(failure as Error).message})`);
  }
  const isObject = typeof job === "object" && job !== null && exactNumber(job) === undefined;
  if (!isObject || Array.isArray(job)) {
    throw new Misuse('it is no JSON object; give one such as {"type": "noop"}');
  }
  const { payload, ref, labels, ...rest } = job as Record<string, unknown>;
  const flags: Record<string, unknown> = { batch: batchId };
  for (const [name, value] of Object.entries(rest)) {
    const shape = SHAPES.get(name);
    if (shape === undefined) {
      throw new Misuse(`${JSON.stringify(name)} is not known; there are ${NAMES}`);
    }
    flags[shape.flag] = shape.isList === true ? textsOf(name, value) : textOf(name, value);
  }
  if (labels !== undefined) flags.label = labelsOf(labels);
  if (ref !== undefined && (typeof ref !== "string" || ref === "")) {
    throw new Misuse(`ref is ${JSON.stringify(ref)}; give a text`);
  }
  const reader = new FlagReader(flags as Flags, snake);
  const fields = fieldsFrom(reader);
  reader.done();
  const text = payload === undefined
    ? ""
    : typeof payload === "string"
    ? payload
    : JSON.stringify(payload);
  return {
    ...fields,
    payload: new TextEncoder().encode(text),
    ...(ref === undefined ? {} : { ref: ref as string }),
  };
}

function textOf(name: string, value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  const digits = exactNumber(value);
  if (digits !== undefined) return digits;
  throw new Misuse(`${name} is ${JSON.stringify(value)}; give a text or a number`);
}

function textsOf(name: string, value: unknown): string[] {
  const values = Array.isArray(value) ? value : [value];
  return values.map((each) => textOf(name, each));
}

/** As they are: unlike in a flag, nothing has to be cut. */
function labelsOf(labels: unknown): Record<string, string> {
  if (typeof labels !== "object" || labels === null || Array.isArray(labels)) {
    throw new Misuse(`labels is ${JSON.stringify(labels)}; give an object of texts`);
  }
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => {
      if (name === "" || name.includes("=")) {
        throw new Misuse(`labels has ${JSON.stringify(name)}; a name is not empty and has no =`);
      }
      return [name, textOf(`labels.${name}`, value)];
    }),
  );
}

function byRef(jobs: readonly JobLine[]): JobLine[] {
  const refs = new Set(jobs.map(({ submission }) => submission.ref));
  return jobs.map(({ line, submission }) => {
    const { options } = submission;
    if (options?.dependsOn === undefined) return { line, submission };
    const dependsOn = options.dependsOn.map(({ jobId, on }) =>
      refs.has(jobId) ? { ref: jobId!, on } : { jobId: jobId!, on }
    );
    return { line, submission: { ...submission, options: { ...options, dependsOn } } };
  });
}

/** Bounds of one call. */
export interface CallBounds {
  readonly jobsMax: number;
  readonly bytesMax: number;
}

/**
 * The jobs in portions, each of which one call may bring, parents in the same portion as their
 * children or in an earlier one.
 *
 * @throws Misuse for jobs that wait for each other
 */
export function inCalls(jobs: readonly JobLine[], bounds: CallBounds): JobLine[][] {
  const calls: JobLine[][] = [];
  let bytes = 0;
  for (const position of order(jobs)) {
    const job = jobs[position]!;
    const size = sizeOf(job.submission);
    const last = calls.at(-1);
    const isFull = last === undefined || last.length >= bounds.jobsMax ||
      bytes + size > bounds.bytesMax;
    if (isFull) {
      calls.push([job]);
      bytes = size;
    } else {
      last.push(job);
      bytes += size;
    }
  }
  return calls;
}

function order(jobs: readonly JobLine[]): number[] {
  try {
    return parentsFirst(jobs.map(({ submission }) => submission));
  } catch (failure) {
    if (failure instanceof Refusal) throw new Misuse(failure.message);
    throw failure;
  }
}

/** About what a job takes up in a request. */
function sizeOf({ payload, options, labels }: Submission): number {
  const dependencies = options?.dependsOn?.length ?? 0;
  return payload.byteLength + JSON.stringify({ options, labels }).length + 50 * dependencies + 200;
}

function camel(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
