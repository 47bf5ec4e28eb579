/**
 * The serving end of `SubmitStream`: many single submissions a message. Each is let in by the gate as
 * a `SubmitJob` of its own, and what was let in goes the road of `SubmitJobs`, together where that
 * makes no difference to anybody.
 *
 * @module
 */

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { CallContext, CarriedCall, DuplexCall } from "./call.ts";
import { textOf } from "./cluster_view.ts";
import { deadlineAt } from "./deadline.ts";
import {
  type SubmitJobRequest,
  type SubmitJobResponseSchema,
  type SubmitJobsRequest,
  SubmitJobsRequestSchema,
  type SubmitJobsResponseSchema,
  type SubmitStreamRequest,
  type SubmitStreamResponseSchema,
} from "./gen/scheduler_pb.ts";
import { Refusal, type RefusalReason } from "./status.ts";
import { refusalIn, refusedResponse } from "./submit_response.ts";

/** How the gate, the policies and other members know it. */
export const SUBMIT_STREAM = "/proto.MasterService/SubmitStream";
const SUBMIT_JOB = "/proto.MasterService/SubmitJob";

/** Messages of one stream that may wait for their answer. */
const UNANSWERED_MAX = 64;
/** Jobs of one message, as of one `SubmitJobs`. */
const MESSAGE_JOBS_MAX = 10_000;
/** Jobs of one log entry, and their payloads in bytes; a single larger one still goes alone. */
const TOGETHER_JOBS_MAX = 256;
const TOGETHER_BYTES_MAX = 512 * 1024;

/** Answers for jobs as `SubmitJobs` does. */
export type AnswerSubmissions = (
  request: SubmitJobsRequest,
  call: CallContext,
) => Promise<MessageInitShape<typeof SubmitJobsResponseSchema>>;

type Response = MessageInitShape<typeof SubmitJobResponseSchema>;

/** A job that was let in, and its place in its message. */
interface Admitted {
  readonly place: number;
  readonly job: SubmitJobRequest;
  readonly call: CarriedCall;
}

/** Whether nothing was done, and each of several may fare otherwise by itself. */
const BLAMES_ONE: ReadonlySet<RefusalReason> = new Set([
  "invalid",
  "failed_precondition",
  "too_large",
]);

/** Answers every message of the stream until it is closed. */
export function serveSubmissions(
  stream: DuplexCall<SubmitStreamRequest, MessageInitShape<typeof SubmitStreamResponseSchema>>,
  call: CallContext,
  answer: AnswerSubmissions,
): void {
  let unanswered = 0;
  /** Answers that were written since the caller stopped to read: it owes us that still. */
  let unread = 0;
  let hasEnded = false;
  let toldView = "";
  const endIfDone = () => {
    if (hasEnded && unanswered === unread) stream.end();
  };
  const drained = () => {
    unanswered -= unread;
    unread = 0;
  };
  const respond = (sequence: bigint, results: Response[]) => {
    const view = call.clusterView === undefined ? "" : textOf(call.clusterView());
    const isRead = stream.write({
      sequence,
      results,
      ...(view !== toldView && { clusterView: view }),
    });
    toldView = view;
    if (isRead && unread === 0) unanswered--;
    else if (++unread === 1) stream.onceDrained(drained);
    endIfDone();
  };
  stream.onHalfClosed(() => {
    hasEnded = true;
    endIfDone();
  });
  stream.onMessage((request) => {
    if (request.jobs.length > MESSAGE_JOBS_MAX) {
      throw new Refusal(
        "invalid",
        `${request.jobs.length} jobs in one message; at most ${MESSAGE_JOBS_MAX} are taken`,
      );
    }
    if (++unanswered > UNANSWERED_MAX) {
      throw new Refusal(
        "overloaded",
        `${UNANSWERED_MAX} messages of this stream wait for their answers, or to have them read; ` +
          "wait for some of them",
        { retryAfterMs: 100 },
      );
    }
    answersTo(request, call, answer).then((results) => respond(request.sequence, results))
      .catch((failure) => stream.end(Refusal.of(failure)));
  });
}

async function answersTo(
  request: SubmitStreamRequest,
  call: CallContext,
  answer: AnswerSubmissions,
): Promise<Response[]> {
  const { jobs, requestIds, traceparents } = request;
  const results: Response[] = [];
  const together: Admitted[] = [];
  const alone: Admitted[] = [];
  const areAlike = jobs.length > 0 && requestIds.length === 0 && traceparents.length === 0;
  const alike = areAlike ? call.carryAlike?.(SUBMIT_JOB, jobs.length) : undefined;
  for (let place = 0; place < jobs.length; place++) {
    const job = jobs[place]!;
    try {
      const carrying = alike?.(place) ?? call.carry?.({
        method: SUBMIT_JOB,
        requestId: requestIds[place],
        traceparent: traceparents[place],
      }) ?? { context: call, ended() {} };
      const admitted = {
        place,
        job,
        call: carrying instanceof Promise ? await carrying : carrying,
      };
      (namesOthers(job) ? alone : together).push(admitted);
    } catch (failure) {
      results[place] = refusedResponse(Refusal.of(failure));
    }
  }
  const timeoutMs = Number(request.timeoutMs);
  const deadlineMs = timeoutMs > 0 ? deadlineAt(Date.now() + timeoutMs) : call.deadlineMs;
  await Promise.all([...groupsOf(together), ...alone.map((each) => [each])].map(async (group) => {
    const responses = await answersOf(group, deadlineMs, answer);
    group.forEach(({ place }, at) => {
      results[place] = responses[at]!;
    });
  }));
  return results;
}

/** Never rejects: whatever goes wrong is an answer. */
async function answersOf(
  group: readonly Admitted[],
  deadlineMs: number,
  answer: AnswerSubmissions,
): Promise<readonly Response[]> {
  const { context } = group[0]!.call;
  const request = create(SubmitJobsRequestSchema);
  request.jobs = group.map(({ job }) => job);
  if (group.some(({ call }) => call.context.traceparent !== context.traceparent)) {
    request.traceparents = group.map(({ call }) => call.context.traceparent);
  }
  try {
    const { results = [] } = await answer(request, {
      ...context,
      method: SUBMIT_STREAM,
      deadlineMs,
      note: notesOf(group),
    });
    tellEnds(group, results);
    return results;
  } catch (failure) {
    const refusal = Refusal.of(failure);
    if (group.length === 1 || !BLAMES_ONE.has(refusal.reason)) {
      const refused = refusedResponse(refusal);
      const results = group.map(() => refused);
      tellEnds(group, results, refusal);
      return results;
    }
    const each = group.map((one) => answersOf([one], deadlineMs, answer));
    return (await Promise.all(each)).flat();
  }
}

/** Those that were let in together and ended alike are told of together. */
function tellEnds(
  group: readonly Admitted[],
  results: readonly Response[],
  ofAll?: Refusal,
): void {
  let accepted = 0;
  for (let at = 0; at < group.length; at++) {
    const { call } = group[at]!;
    const refusal = ofAll ?? refusalIn(results[at]!);
    if (refusal !== undefined) call.ended(refusal);
    else accepted++;
    const isLast = call !== group[at + 1]?.call;
    if (!isLast || accepted === 0) continue;
    call.ended(undefined, accepted);
    accepted = 0;
  }
}

/** What happens to all of them is told to each whose call takes note. */
function notesOf(group: readonly Admitted[]): CallContext["note"] {
  const notes = group.flatMap(({ call }) => call.context.note ?? []);
  return notes.length === 0 ? undefined : (event) => notes.forEach((note) => note(event));
}

/** Names are good within a call, and this job is a call of its own. */
export function namesOthers({ ref, options }: SubmitJobRequest): boolean {
  return ref !== "" || options?.dependsOn.some((parent) => parent.ref !== "") === true;
}

/** Small enough for an entry each. */
function groupsOf(admitted: readonly Admitted[]): Admitted[][] {
  const groups: Admitted[][] = [];
  let bytes = Infinity;
  for (const each of admitted) {
    const group = groups.at(-1);
    bytes += each.job.payload.byteLength;
    if (group === undefined || bytes > TOGETHER_BYTES_MAX || group.length >= TOGETHER_JOBS_MAX) {
      groups.push([each]);
      bytes = each.job.payload.byteLength;
    } else {
      group.push(each);
    }
  }
  return groups;
}
