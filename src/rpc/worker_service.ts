/**
 * `proto.WorkerService`, the original's road on which jobs are pushed to a worker: the worker's end.
 *
 * @module
 */

import type { ServiceHandlers } from "./call.ts";
import { jobFromWire } from "./convert.ts";
import type { WorkerService } from "./gen/worker_pb.ts";
import type { JobView } from "./master_api.ts";
import { Refusal } from "./status.ts";

/** What came of an order that was given to a worker. */
export interface OrderAnswer {
  /** The worker does as it was told; without it the message says why not. */
  readonly done: boolean;
  readonly message: string;
}

/** What the service asks of a worker. `src/worker` implements it. */
export interface WorkerApi {
  readonly workerId: string;
  /** @throws Refusal for a job that this worker could never run as it was given. */
  assign(job: JobView): OrderAnswer;
  /** Stops whatever attempt of the job runs here. */
  cancel(jobId: string, reason: string): OrderAnswer;
}

/** The handlers of the whole service. */
export function workerService(worker: WorkerApi): ServiceHandlers<typeof WorkerService> {
  return {
    assignJob: (request) => {
      assertMeant(request.workerId, worker);
      const { job } = request;
      if (job === undefined || job.id === "") {
        throw new Refusal("invalid", "the request names no job: job.id is empty");
      }
      const { done, message } = worker.assign(jobFromWire(job));
      return { accepted: done, message };
    },
    cancelJob: (request) => {
      assertMeant(request.workerId, worker);
      if (request.jobId === "") throw new Refusal("invalid", "job_id is empty");
      const { done, message } = worker.cancel(request.jobId, request.reason);
      return { cancelled: done, message };
    },
  };
}

/** Another worker may have had this address before: its orders are not ours. */
function assertMeant(workerId: string, worker: WorkerApi): void {
  if (workerId === "" || workerId === worker.workerId) return;
  throw new Refusal(
    "failed_precondition",
    `this is worker ${JSON.stringify(worker.workerId)}, not ${JSON.stringify(workerId)}`,
  );
}
