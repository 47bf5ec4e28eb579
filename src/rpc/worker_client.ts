/**
 * The worker's end of `WorkerSession`.
 *
 * @module
 */

import { create } from "@bufbuild/protobuf";
import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import type { ClusterChannel } from "./channel.ts";
import { jobsFromBriefs } from "./briefs.ts";
import { ackFromWire, jobFromWire, reportToWire } from "./convert.ts";
import { type MasterMessage, MasterService, WorkerMessageSchema } from "./gen/scheduler_pb.ts";
import type { AssignedJob } from "./master_api.ts";
import type {
  CancellationView,
  ReportAckView,
  WorkerAnnouncement,
  WorkerNews,
  WorkerWelcomeView,
} from "./worker_calls.ts";
import { RELAY_KEY } from "./relay.ts";
import { fromServiceError, Refusal } from "./status.ts";
import { type AnyMessage, methodDefinition } from "./wire.ts";
import { statsToWire } from "./worker_messages.ts";

/** What a worker is told on its session. */
export interface SessionListener {
  onWelcome(welcome: WorkerWelcomeView): void;
  onAssignments(jobs: readonly AssignedJob[]): void;
  onCancellations(cancellations: readonly CancellationView[]): void;
  /** @param numbers of news whose reports arrived, but for those that `acks` refuses */
  onAcks(acks: readonly ReportAckView[], numbers: readonly number[]): void;
  /** Members came or went: their addresses now. */
  onMasters(addresses: readonly string[]): void;
  /** The session is over, by whatever end; called once. */
  onClosed(reason: Refusal | undefined): void;
}

/** One open session with one master. */
export class SessionStream {
  readonly #call: ClientDuplexStream<AnyMessage, AnyMessage>;
  #isOpen = true;

  /**
   * Opens a session with the master at `address` and says hello.
   *
   * @param unreachableLeader if this one leads, a follower is to pass the session on to it, instead
   * of sending us there
   */
  constructor(
    channel: ClusterChannel,
    address: string,
    hello: WorkerAnnouncement,
    listener: SessionListener,
    unreachableLeader?: string,
  ) {
    const metadata = channel.metadata();
    if (unreachableLeader !== undefined) metadata.set(RELAY_KEY, unreachableLeader);
    const definition = methodDefinition(MasterService.method.workerSession);
    this.#call = channel.clientFor(address).makeBidiStreamRequest(
      definition.path,
      definition.requestSerialize,
      definition.responseDeserialize,
      metadata,
    );
    const watch = channel.watchOver(address, (why) => {
      closed(why);
      this.#call.cancel();
    });
    const closed = (reason: Refusal | undefined) => {
      if (!this.#isOpen) return;
      this.#isOpen = false;
      watch.end();
      listener.onClosed(reason);
    };
    this.#call.on("data", (message: MasterMessage) => {
      if (!this.#isOpen) return;
      watch.heard();
      try {
        dispatch(message, listener);
      } catch (cause) {
        closed(new Refusal("internal", `a message was not handled: ${String(cause)}`, { cause }));
        this.#call.cancel();
      }
    });
    this.#call.on("error", (failure: ServiceError) => closed(fromServiceError(failure)));
    this.#call.on("end", () => closed(undefined));
    this.#call.write(create(WorkerMessageSchema, {
      hello: {
        workerId: hello.workerId,
        incarnation: hello.incarnation,
        maxConcurrentJobs: hello.slots,
        jobTypes: [...hello.jobTypes],
        tags: { ...hello.tags },
        version: hello.version,
        cpuMillis: BigInt(hello.cpuMillis),
        memoryBytes: BigInt(hello.memoryBytes),
        typeConcurrency: { ...hello.typeSlots },
        namespaces: [...hello.namespaces ?? []],
        address: hello.address,
        takesBriefs: true,
        clusterId: hello.clusterId ?? "",
        running: hello.running.map((each) => ({
          jobId: each.jobId,
          fencingToken: BigInt(each.token),
        })),
      },
    }));
  }

  /** Sends news up; false when the session is closed. */
  send(news: WorkerNews): boolean {
    if (!this.#isOpen) return false;
    this.#call.write(create(WorkerMessageSchema, {
      ...(news.stats === undefined ? {} : { stats: statsToWire(news.stats) }),
      reports: news.reports.map(reportToWire),
      progress: news.progress.map((each) => ({
        jobId: each.jobId,
        fencingToken: BigInt(each.token),
        fraction: each.fraction,
        message: each.message,
        logLines: [...each.logLines],
        firstLine: BigInt(each.firstLine),
      })),
      draining: news.draining,
      goodbye: news.goodbye,
      number: BigInt(news.number ?? 0),
    }));
    return true;
  }

  /** The master reads more slowly than it is written to: what can wait should. */
  get isCongested(): boolean {
    return this.#call.writableNeedDrain;
  }

  /** Ends the session at once, without a word; `onClosed` follows. */
  cancel(): void {
    this.#call.cancel();
  }
}

function dispatch(message: MasterMessage, listener: SessionListener): void {
  if (message.welcome !== undefined) {
    const { sessionId, leaderId, masterAddresses, clusterId, takesNumbers } = message.welcome;
    listener.onWelcome({
      sessionId,
      leaderId,
      masterAddresses,
      clusterId,
      takesNumbers,
      heartbeatIntervalMs: Number(message.welcome.heartbeatIntervalMs),
      heartbeatTimeoutMs: Number(message.welcome.heartbeatTimeoutMs),
    });
  }
  if (message.assignments.length > 0) listener.onAssignments(message.assignments.map(jobFromWire));
  if (message.briefs.length > 0) listener.onAssignments(jobsFromBriefs(message));
  if (message.cancellations.length > 0) {
    listener.onCancellations(message.cancellations.map((each) => ({
      jobId: each.jobId,
      token: Number(each.fencingToken),
      reason: each.reason as CancellationView["reason"],
    })));
  }
  if (message.reportAcks.length > 0 || message.takenNumbers.length > 0) {
    listener.onAcks(message.reportAcks.map(ackFromWire), message.takenNumbers.map(Number));
  }
  if (message.masterAddresses.length > 0) listener.onMasters(message.masterAddresses);
}
