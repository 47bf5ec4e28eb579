/**
 * `proto.WorkerService` as a master calls it: jobs and cancellations are brought to a worker that
 * cannot come for them.
 *
 * @module
 */

import type {
  DescMessage,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { type CallOptions, type ChannelOptions, ClusterChannel } from "./channel.ts";
import { jobToWire } from "./convert.ts";
import { WorkerService } from "./gen/worker_pb.ts";
import type { JobView } from "./master_api.ts";
import type { CancellationView } from "./worker_calls.ts";
import type { OrderAnswer } from "./worker_service.ts";

/** How masters reach the workers that they call. */
export interface WorkerCallerOptions extends
  Pick<
    ChannelOptions,
    "credentials" | "grpcOptions" | "messageBytesMax" | "callTimeoutMs" | "dialTimeoutMs"
  > {
  /** What to present to a worker, by its id; undefined: nothing. */
  readonly token?: (workerId: string) => Promise<string | undefined>;
}

/** One worker that takes calls. */
export class WorkerCaller {
  readonly #workerId: string;
  readonly #address: string;
  readonly #channel: ClusterChannel;
  readonly #options: WorkerCallerOptions;
  #token: string | undefined;

  constructor(workerId: string, address: string, options: WorkerCallerOptions) {
    this.#workerId = workerId;
    this.#address = address;
    this.#options = options;
    this.#channel = new ClusterChannel({
      ...options,
      addresses: [address],
      token: () => this.#token,
    });
  }

  /** Resolves when a connection stands. @throws Refusal `unavailable` */
  reach(): Promise<void> {
    return this.#channel.connected(this.#address);
  }

  /**
   * Gives the worker a job; it is asked once, since a worker that does not know tokens would run a
   * job that it is given twice twice.
   *
   * @throws Refusal when there is no answer in time, or none that could be hoped for: `outcome_unknown` when
   * the worker may have the job
   */
  async assign(job: JobView): Promise<OrderAnswer> {
    const { accepted, message } = await this.#call(WorkerService.method.assignJob, {
      workerId: this.#workerId,
      job: jobToWire(job),
    }, { traceparent: job.traceparent, isRepeatable: false });
    return { done: accepted, message };
  }

  /** @throws Refusal when there is no answer in time, or none that could be hoped for. */
  async cancel({ jobId, reason }: CancellationView): Promise<OrderAnswer> {
    const { cancelled, message } = await this.#call(WorkerService.method.cancelJob, {
      workerId: this.#workerId,
      jobId,
      reason,
    });
    return { done: cancelled, message };
  }

  /** Breaks off what is under way. */
  close(): void {
    this.#channel.close();
  }

  async #call<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    request: MessageInitShape<Input>,
    options: CallOptions = {},
  ): Promise<MessageShape<Output>> {
    this.#token = await this.#options.token?.(this.#workerId);
    const { traceparent = "" } = options;
    return await this.#channel.callAt(this.#address, method, request, { ...options, traceparent });
  }
}
