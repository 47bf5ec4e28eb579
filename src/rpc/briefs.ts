/**
 * Assignments as a worker of this version gets them: without what it has no use for, and with what they
 * have alike said once a message. To read a whole `Job` takes three times as long.
 *
 * @module
 */

import { create } from "@bufbuild/protobuf";
import {
  type Brief,
  type BriefKind,
  JobOptionsSchema,
  JobParentSchema,
  type MasterMessage,
} from "./gen/scheduler_pb.ts";
import { optionsFromWire, optionsToWire } from "./job_options.ts";
import type { AssignedJob } from "./master_api.ts";

const NOTHING = new Uint8Array(0);

/** The briefs of one message, in the order of the jobs. Whole messages, as in `convert.ts`. */
export function briefsToWire(
  jobs: readonly AssignedJob[],
): Pick<MasterMessage, "kinds" | "briefs"> {
  const kinds: BriefKind[] = [];
  const briefs: Brief[] = [];
  /** Where the latest kind of a type is that others can share. */
  const shared = new Map<string, number>();
  for (const job of jobs) {
    let kind = job.options === undefined && job.parents === undefined
      ? shared.get(job.type)
      : undefined;
    if (kind === undefined || !isOf(kinds[kind]!, job)) {
      kind = kinds.push(kindOf(job)) - 1;
      if (job.options === undefined && job.parents === undefined) shared.set(job.type, kind);
    }
    const brief: Brief = {
      $typeName: "proto.Brief",
      jobId: job.id,
      fencingToken: BigInt(job.fencingToken),
      attempt: job.attempt,
      payload: job.payload ?? NOTHING,
      kind,
    };
    if (kinds[kind]!.traceparent !== job.traceparent) brief.traceparent = job.traceparent;
    briefs.push(brief);
  }
  return { kinds, briefs };
}

/** @throws Error for a brief whose kind the message does not hold */
export function jobsFromBriefs(
  { kinds, briefs }: Pick<MasterMessage, "kinds" | "briefs">,
): AssignedJob[] {
  const alike = kinds.map((kind) => ({
    type: kind.type,
    namespace: kind.namespace,
    timeoutMs: Number(kind.timeoutMs),
    traceparent: kind.traceparent,
    options: kind.options && optionsFromWire(kind.options),
    parents: kind.parents.length === 0
      ? undefined
      : kind.parents.map(({ jobId, status }) => ({ jobId, status })),
  }));
  return briefs.map((brief) => {
    const kind = alike[brief.kind];
    if (kind === undefined) throw new Error(`job ${brief.jobId} is of a kind that was not said`);
    return {
      id: brief.jobId,
      type: kind.type,
      namespace: kind.namespace,
      timeoutMs: kind.timeoutMs,
      fencingToken: Number(brief.fencingToken),
      attempt: brief.attempt,
      traceparent: brief.traceparent ?? kind.traceparent,
      options: kind.options,
      parents: kind.parents,
      payload: brief.payload,
    };
  });
}

function isOf(kind: BriefKind, job: AssignedJob): boolean {
  return kind.namespace === job.namespace && Number(kind.timeoutMs) === job.timeoutMs;
}

function kindOf(job: AssignedJob): BriefKind {
  const kind: BriefKind = {
    $typeName: "proto.BriefKind",
    type: job.type,
    namespace: job.namespace,
    timeoutMs: BigInt(job.timeoutMs),
    traceparent: job.traceparent,
    parents: job.parents?.map((each) => create(JobParentSchema, each)) ?? [],
  };
  if (job.options !== undefined) {
    kind.options = create(JobOptionsSchema, optionsToWire(job.options));
  }
  return kind;
}
