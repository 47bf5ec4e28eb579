/**
 * The calls of a channel for whoever works in one namespace: requests that may name one, and do not,
 * name it. Clients above it and channels below know nothing of it.
 *
 * @module
 */

import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import type { Calls } from "./calls.ts";
import {
  type AddScheduleRequestSchema,
  type JobFilterSchema,
  MasterService,
  type SubmitJobRequestSchema,
  type SubmitJobsRequestSchema,
} from "./gen/scheduler_pb.ts";

type SubmitInit = MessageInitShape<typeof SubmitJobRequestSchema>;

/** @param namespace undefined or "": the same channel */
export function inNamespace(calls: Calls, namespace: string | undefined): Calls {
  if (!namespace) return calls;
  return {
    call: (method, request, options) =>
      calls.call(method, named(method, request, namespace) as typeof request, options),
    submit: (request, options) =>
      calls.submit({ ...request, namespace: request.namespace || namespace }, options),
    stream: (method, request, signal) =>
      calls.stream(method, named(method, request, namespace) as typeof request, signal),
    close: () => calls.close(),
  };
}

const { submitJobs, addSchedule } = MasterService.method;

function named(
  method: { readonly input: DescMessage },
  request: unknown,
  namespace: string,
): unknown {
  const submission = (job: SubmitInit): SubmitInit => ({
    ...job,
    namespace: job.namespace || namespace,
  });
  if (method === submitJobs) {
    const init = request as MessageInitShape<typeof SubmitJobsRequestSchema>;
    return { ...init, jobs: init.jobs?.map(submission) ?? [] };
  }
  if (method === addSchedule) {
    const init = request as MessageInitShape<typeof AddScheduleRequestSchema>;
    return { ...init, schedule: { ...init.schedule, job: submission(init.schedule?.job ?? {}) } };
  }
  const { field } = method.input;
  if ("namespace" in field) {
    const init = request as { readonly namespace?: string };
    return { ...init, namespace: init.namespace || namespace };
  }
  if ("filter" in field) {
    const { filter, ...init } = request as { filter?: MessageInitShape<typeof JobFilterSchema> };
    return { ...init, filter: { ...filter, namespace: filter?.namespace || namespace } };
  }
  return request;
}
