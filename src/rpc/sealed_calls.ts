/**
 * The calls of a channel for whoever holds payload keys: what jobs are given is encrypted before it
 * leaves, what they left is decrypted when it comes. Clients above it and channels below know nothing
 * of it.
 *
 * @module
 */

import { isMessage, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import {
  isSealed,
  PayloadKeyError,
  type PayloadKeys,
  type SealContext,
} from "../security/light.ts";
import type { Calls } from "./calls.ts";
import {
  type AddScheduleRequestSchema,
  GetJobStatusResponseSchema,
  GetScheduleResponseSchema,
  type Job,
  JobEventSchema,
  ListDLQResponseSchema,
  ListJobsResponseSchema,
  ListSchedulesResponseSchema,
  MasterService,
  type Schedule,
  type SubmitJobRequestSchema,
  type SubmitJobsRequestSchema,
  SubmitJobsResponseSchema,
} from "./gen/scheduler_pb.ts";
import { codeOf, Refusal } from "./status.ts";

type SubmitInit = MessageInitShape<typeof SubmitJobRequestSchema>;

/** What is wrong with a payload in clear; undefined: nothing, or its type is not known here. */
export type PayloadCheck = (jobType: string, payload: Uint8Array) => string | undefined;

/**
 * The same channel, sealing and opening with these keys. Without any key it encrypts nothing, and what
 * is encrypted is said to be.
 *
 * @param check asked of each payload before it is encrypted, since masters cannot look at it
 */
export function sealedCalls(
  calls: Calls,
  keys: PayloadKeys,
  check: PayloadCheck = () => undefined,
): Calls {
  const sealer = new Sealer(keys, check);
  return {
    call: async (method, request, options) => {
      type Request = typeof request;
      const call = (sealed: unknown) => calls.call(method, sealed as Request, options);
      const response = keys.isEmpty
        ? await call(request)
        : await callSealed(sealer, method, request, call);
      await openMessage(response, keys);
      return response;
    },
    submit: async (request, options) => {
      if (keys.isEmpty) return await calls.submit(request, options);
      return await sealer.eachGeneration(
        async (generation) => calls.submit(await sealer.submission(request, generation), options),
      );
    },
    stream: async function* (method, request, signal) {
      for await (const message of calls.stream(method, request, signal)) {
        await openMessage(message, keys);
        yield message;
      }
    },
    close: () => calls.close(),
  };
}

const { submitJob, submitJobs, addSchedule } = MasterService.method;

async function callSealed<Response>(
  sealer: Sealer,
  method: unknown,
  request: unknown,
  call: (sealed: unknown) => Promise<Response>,
): Promise<Response> {
  switch (method) {
    case submitJob:
      return await sealer.eachGeneration(
        async (generation) => call(await sealer.submission(request as SubmitInit, generation)),
      );
    case submitJobs: {
      const { jobs = [], ...rest } = request as MessageInitShape<typeof SubmitJobsRequestSchema>;
      return await sealer.batch(jobs, (sealed) => call({ ...rest, jobs: sealed }));
    }
    case addSchedule: {
      const asked = request as MessageInitShape<typeof AddScheduleRequestSchema>;
      const job = asked.schedule?.job;
      if (job === undefined) return await call(request);
      return await call({
        ...asked,
        schedule: { ...asked.schedule, job: await sealer.submission(job) },
      });
    }
    default:
      return await call(request);
  }
}

/** Encrypts what is submitted. */
class Sealer {
  readonly #keys: PayloadKeys;
  readonly #check: PayloadCheck;

  constructor(keys: PayloadKeys, check: PayloadCheck) {
    this.#keys = keys;
    this.#check = check;
  }

  /**
   * Does it with the key that encrypts, and, as long as its idempotency key is said to be another
   * submission's, with each older one: what was submitted before keys were rolled has the bytes that
   * the older key made of it.
   */
  async eachGeneration<Answer>(
    attempt: (generation: number) => Promise<Answer>,
  ): Promise<Answer> {
    const count = (await this.#keys.ids()).length;
    for (let generation = 0;; generation++) {
      try {
        return await attempt(generation);
      } catch (failure) {
        const isOther = failure instanceof Refusal && failure.reason === "already_exists";
        if (!isOther || generation + 1 >= count) throw failure;
      }
    }
  }

  /** The same for many jobs, of which each answers by itself. */
  async batch<Response>(
    jobs: readonly SubmitInit[],
    call: (sealed: readonly SubmitInit[]) => Promise<Response>,
  ): Promise<Response> {
    const count = (await this.#keys.ids()).length;
    const generations = jobs.map(() => 0);
    const sealed = await Promise.all(jobs.map((job, at) => this.submission(job, 0, at)));
    for (;;) {
      const response = await call(sealed);
      const others = othersIn(response).filter((at) => generations[at]! + 1 < count);
      if (others.length === 0) return response;
      for (const at of others) {
        sealed[at] = await this.submission(jobs[at]!, ++generations[at]!, at);
      }
    }
  }

  /** One job; an envelope that somebody else made stays as it is. */
  async submission(job: SubmitInit, generation = 0, position?: number): Promise<SubmitInit> {
    const { type = "", payload = new Uint8Array(0), idempotencyKey = "" } = job;
    if (isSealed(payload)) return job;
    const fault = this.#check(type, payload);
    if (fault !== undefined) {
      const which = position === undefined ? "" : `job ${position + 1} of the call: `;
      throw new Refusal("invalid", which + fault);
    }
    const context = { kind: "payload", jobType: type } as const;
    const how = { generation, ...(idempotencyKey !== "" && { idempotencyKey }) };
    return { ...job, payload: await this.#keys.seal(payload, context, how) };
  }
}

/** Positions of the jobs whose idempotency key is another submission's. */
function othersIn(response: unknown): readonly number[] {
  const message = response as Message;
  if (!isMessage(message, SubmitJobsResponseSchema)) return [];
  return message.results.flatMap(({ status, code }, at) =>
    status !== "success" && code === codeOf("already_exists") ? [at] : []
  );
}

/** Decrypts what an answer holds, in place. */
async function openMessage(message: Message, keys: PayloadKeys): Promise<void> {
  if (isMessage(message, GetJobStatusResponseSchema)) {
    const { job } = message;
    if (job === undefined) return;
    const text = textOpener(keys, job.id);
    await openJob(job, keys);
    message.progressMessage = await text(message.progressMessage);
    message.logTail = await Promise.all(message.logTail.map(text));
    for (const attempt of message.attempts) attempt.error = await text(attempt.error);
    for (const change of message.history) change.reason = await text(change.reason);
    message.waitingReasons = await Promise.all(message.waitingReasons.map(text));
    for (const reason of message.reasons) reason.message = await text(reason.message);
  } else if (
    isMessage(message, ListJobsResponseSchema) || isMessage(message, ListDLQResponseSchema)
  ) {
    for (const job of message.jobs) await openJob(job, keys);
  } else if (isMessage(message, JobEventSchema)) {
    const { event } = message;
    const text = textOpener(keys, message.jobId);
    if (event.case === "state") await openJob(event.value, keys);
    if (event.case === "progress") event.value.message = await text(event.value.message);
    if (event.case === "log") event.value.lines = await Promise.all(event.value.lines.map(text));
  } else if (isMessage(message, GetScheduleResponseSchema)) {
    await openSchedule(message.schedule, keys);
  } else if (isMessage(message, ListSchedulesResponseSchema)) {
    for (const schedule of message.schedules) await openSchedule(schedule, keys);
  }
}

async function openJob(job: Job, keys: PayloadKeys): Promise<void> {
  const text = textOpener(keys, job.id);
  job.payload = await opened(job.payload, keys, { kind: "payload", jobType: job.type });
  job.errorMessage = await text(job.errorMessage);
  if (job.result === undefined) return;
  const { result } = job;
  result.output = await opened(result.output, keys, { kind: "result", jobId: job.id });
  result.error = await text(result.error);
  result.logTail = await Promise.all(result.logTail.map(text));
}

async function openSchedule(schedule: Schedule | undefined, keys: PayloadKeys): Promise<void> {
  const job = schedule?.definition?.job;
  if (job === undefined) return;
  job.payload = await opened(job.payload, keys, { kind: "payload", jobType: job.type });
}

function textOpener(keys: PayloadKeys, jobId: string): (text: string) => Promise<string> {
  return (text) => keys.openText(text, { kind: "text", jobId });
}

/**
 * What cannot be opened stays the envelope that it is, for whoever shows it to say so: the rest of the
 * job can be read all the same.
 */
async function opened(
  bytes: Uint8Array,
  keys: PayloadKeys,
  context: SealContext,
): Promise<Uint8Array> {
  if (keys.isEmpty || !isSealed(bytes)) return bytes;
  try {
    return await keys.open(bytes, context);
  } catch (failure) {
    if (failure instanceof PayloadKeyError) return bytes;
    throw failure;
  }
}
