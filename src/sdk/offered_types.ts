/**
 * The job types of one worker, as `src/worker` runs them.
 *
 * @module
 */

import {
  type JobContext as WholeContext,
  type ParsedPayload,
  readPayload,
  refused,
  refusedFor,
} from "../job_types/light.ts";
import { parseBigIntegers } from "../json/mod.ts";
import type { OfferedTypes, RunnableType } from "../worker/light.ts";
import type { JobContext, JobType, ParentOutcome } from "./job_type.ts";
import { valueOf } from "./payload.ts";
import { validated } from "./payload_schema.ts";

/** @throws TypeError when there are none, or two of one name */
export function offeredTypes(types: readonly JobType[]): OfferedTypes {
  if (!Array.isArray(types) || types.length === 0) {
    const lack = types === undefined ? "missing" : Array.isArray(types) ? "empty" : "no list";
    throw new TypeError(`a worker needs a job type to offer: types is ${lack}`);
  }
  const byName = new Map(types.map((type) => [type.name, type]));
  if (byName.size < types.length) {
    const names = types.map(({ name }) => name);
    const twice = names.find((name, position) => names.indexOf(name) < position);
    throw new TypeError(`two of the worker's job types are called "${twice}"`);
  }
  const runnable = new Map(types.map((type) => [type.name, runnableOf(type)]));
  return {
    get: (name) => runnable.get(name),
    parsePayload: ({ name }, bytes) => parsed(byName.get(name)!, bytes),
    fetchUnder: () => {
      throw new Error("handlers of one's own have the runtime's fetch");
    },
  };
}

function runnableOf(type: JobType): RunnableType {
  return {
    name: type.name,
    isolation: "inline",
    // Whoever runs it takes a value for a promise of it.
    run: (payload, context) => type.run(payload, contextOf(context, type)) as Promise<unknown>,
  };
}

/** `conductor job-types` does not know the types of other programs. */
const NO_HELP = "";

/** Never rejects: whatever is wrong with a payload is what its job ends with. */
async function parsed(type: JobType, bytes: Uint8Array): Promise<ParsedPayload> {
  // No payload at all is one, for a type that asks for nothing.
  const isNothing = bytes.byteLength === 0 && type.payload === undefined;
  const owner = { name: type.name, ...(type.bigints === true && { readJson: parseBigIntegers }) };
  const read = isNothing ? { json: null } : readPayload(owner, bytes);
  if ("fault" in read) return refused({ name: type.name }, [read.fault], NO_HELP);
  if (type.payload === undefined) return { ok: true, payload: read.json };
  const result = await validated(type.payload, read.json);
  return result.ok ? result : refusedFor({ name: type.name }, result.issues, read.json, NO_HELP);
}

/** What a handler is promised, of all that there is. */
function contextOf(whole: WholeContext, { bigints }: JobType): JobContext {
  return {
    jobId: whole.jobId,
    jobType: whole.jobType,
    attempt: whole.attempt,
    signal: whole.signal,
    parents: whole.parents,
    get tempDir() {
      return whole.tempDir;
    },
    parentResult: async <Value>(jobId: string): Promise<ParentOutcome<Value>> => {
      const { status, output, contentType, error } = await whole.parentResult(jobId);
      const value = valueOf(output, contentType, { bigints }) as Value | undefined;
      return { status, value, bytes: output, contentType, error };
    },
    progress: (fraction, message) => whole.progress(fraction, message),
    log: (line) => whole.log(line),
  };
}
