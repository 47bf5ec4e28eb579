/**
 * The master's end of `WorkerSession`: the fast road for workers.
 *
 * @module
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  ackToWire,
  cancellationToWire,
  jobToWire,
  reportFromWire,
  statsFromWire,
} from "./convert.ts";
import type { MasterMessageSchema, WorkerMessage } from "./gen/scheduler_pb.ts";
import type { MasterApi, WorkerLink, WorkerNews, WorkerSession } from "./master_api.ts";
import { announcementFromHello } from "./master_service.ts";
import type { CallContext, DuplexCall } from "./server.ts";
import { Refusal } from "./status.ts";

type SessionStream = DuplexCall<WorkerMessage, MessageInitShape<typeof MasterMessageSchema>>;

/**
 * Waits for the hello, opens the session with the master, and passes messages on. What a worker
 * sends while its session is being opened is kept and passed on in order.
 */
export function connectWorker(master: MasterApi, stream: SessionStream, call: CallContext): void {
  let session: WorkerSession | undefined;
  let closedReason: string | undefined;
  let hasHello = false;
  const early: WorkerMessage[] = [];

  const open = async (message: WorkerMessage) => {
    if (message.hello === undefined) {
      throw new Refusal("failed_precondition", "the first message of a session must be a hello");
    }
    session = await master.openWorkerSession(
      announcementFromHello(message.hello),
      linkOver(stream),
      call,
    );
    if (closedReason !== undefined) return session.onClosed(closedReason);
    const { heartbeatIntervalMs, heartbeatTimeoutMs, masterAddresses, ...welcome } =
      session.welcome;
    stream.write({
      welcome: {
        ...welcome,
        masterAddresses: [...masterAddresses],
        heartbeatIntervalMs: BigInt(heartbeatIntervalMs),
        heartbeatTimeoutMs: BigInt(heartbeatTimeoutMs),
      },
    });
    for (const each of early) session.onNews(newsFrom(each));
  };

  stream.onMessage((message) => {
    if (!hasHello) {
      hasHello = true;
      open(message).catch((failure) =>
        stream.end(
          failure instanceof Refusal
            ? failure
            : new Refusal("internal", "the session could not be opened", { cause: failure }),
        )
      );
    } else if (session === undefined) {
      early.push(message);
    } else {
      session.onNews(newsFrom(message));
    }
  });
  stream.onClosed((reason) => {
    closedReason = reason;
    session?.onClosed(reason);
  });
}

function linkOver(stream: SessionStream): WorkerLink {
  return {
    send: (orders) =>
      stream.write({
        assignments: orders.assignments?.map(jobToWire) ?? [],
        cancellations: orders.cancellations?.map(cancellationToWire) ?? [],
        reportAcks: orders.acks?.map(ackToWire) ?? [],
      }),
    close: (failure) => stream.end(failure),
  };
}

function newsFrom(message: WorkerMessage): WorkerNews {
  return {
    ...(message.stats === undefined ? {} : { stats: statsFromWire(message.stats) }),
    reports: message.reports.map(reportFromWire).filter((report) => report !== undefined),
    progress: message.progress.map((each) => ({
      jobId: each.jobId,
      token: Number(each.fencingToken),
      fraction: each.fraction,
      message: each.message,
      logLines: each.logLines,
    })),
    draining: message.draining,
    goodbye: message.goodbye,
  };
}
