/**
 * The master's end of `WorkerSession`: the fast road for workers.
 *
 * @module
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { ASSIGNED_BYTES_MAX, assignedBytes } from "./assigned_bytes.ts";
import { briefsToWire } from "./briefs.ts";
import { ackToWire, cancellationToWire, jobToWire, reportFromWire } from "./convert.ts";
import type { MasterMessage, MasterMessageSchema, WorkerMessage } from "./gen/scheduler_pb.ts";
import type { JobView, MasterApi } from "./master_api.ts";
import type { WorkerLink, WorkerNews, WorkerOrders, WorkerSession } from "./worker_calls.ts";
import { announcementFromHello } from "./master_service.ts";
import type { CallContext, DuplexCall } from "./call.ts";
import { exactly, nearly } from "./safe_count.ts";
import { Refusal } from "./status.ts";
import { statsFromWire } from "./worker_messages.ts";

/** Messages that a worker may send before it is welcome. */
const EARLY_MESSAGES_MAX = 1_000;

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
  const link = new StreamLink(stream);

  const open = async (message: WorkerMessage) => {
    if (message.hello === undefined) {
      throw new Refusal("failed_precondition", "the first message of a session must be a hello");
    }
    link.takesBriefs = message.hello.takesBriefs;
    session = await master.openWorkerSession(
      announcementFromHello(message.hello),
      link,
      call,
    );
    if (closedReason !== undefined) return session.onClosed(closedReason);
    const { heartbeatIntervalMs, heartbeatTimeoutMs, masterAddresses, ...welcome } =
      session.welcome;
    stream.write({
      welcome: {
        ...welcome,
        masterAddresses: [...masterAddresses],
        takesNumbers: true,
        heartbeatIntervalMs: BigInt(heartbeatIntervalMs),
        heartbeatTimeoutMs: BigInt(heartbeatTimeoutMs),
      },
    });
    link.open();
    for (const each of early.splice(0)) session.onNews(newsFrom(each));
  };

  stream.onMessage((message) => {
    if (!hasHello) {
      hasHello = true;
      open(message).catch((failure) => {
        stream.end(Refusal.of(failure));
        session?.onClosed("the session could not be opened");
      });
    } else if (session === undefined) {
      if (early.length >= EARLY_MESSAGES_MAX) {
        throw new Refusal("overloaded", "wait for the welcome before you send so much");
      }
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

/**
 * The road down. Orders that are given before the welcome is sent wait for it; those of one turn of the
 * event loop, such as a round's acknowledgements and its next assignments, share a message.
 */
class StreamLink implements WorkerLink {
  /** The worker said that it reads them. */
  takesBriefs = false;
  readonly #stream: SessionStream;
  #isOpen = false;
  #isFlushScheduled = false;
  #waiting: WorkerOrders[] = [];

  constructor(stream: SessionStream) {
    this.#stream = stream;
  }

  /** The welcome is sent: what waited follows it. */
  open(): void {
    this.#isOpen = true;
    this.#flush();
  }

  send(orders: WorkerOrders): void {
    this.#waiting.push(orders);
    if (!this.#isOpen || this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    setImmediate(() => {
      try {
        this.#flush();
      } catch (failure) {
        // Nobody else would hear of it, and the process would end: whatever cannot be told ends the session.
        this.#stream.end(Refusal.of(failure));
      }
    });
  }

  close(failure?: Refusal): void {
    if (this.#isOpen) this.#flush();
    this.#stream.end(failure);
  }

  #flush(): void {
    this.#isFlushScheduled = false;
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    const { assignments, cancellations, masterAddresses, acks, taken } = together(waiting);
    const [first = [], ...rest] = inMessages(assignments);
    this.#stream.write({
      ...this.#assignments(first),
      cancellations: cancellations.map(cancellationToWire),
      reportAcks: acks.map(ackToWire),
      takenNumbers: taken.map(BigInt),
      masterAddresses: [...masterAddresses],
    });
    for (const jobs of rest) this.#stream.write(this.#assignments(jobs));
  }

  #assignments(
    jobs: readonly JobView[],
  ): Partial<Pick<MasterMessage, "assignments" | "kinds" | "briefs">> {
    return this.takesBriefs ? briefsToWire(jobs) : { assignments: jobs.map(jobToWire) };
  }
}

/**
 * As one message. A worker takes its assignments first: what is withdrawn may be among them, and an order
 * about another attempt at a job names that one by its token.
 */
function together(orders: readonly WorkerOrders[]): Together {
  return {
    assignments: orders.flatMap(({ assignments = [] }) => assignments),
    cancellations: orders.flatMap(({ cancellations = [] }) => cancellations),
    acks: orders.flatMap(({ acks = [], acksNumber }) =>
      acksNumber === undefined ? acks : acks.filter(({ accepted }) => !accepted)
    ),
    taken: orders.flatMap(({ acksNumber }) => acksNumber ?? []),
    masterAddresses: orders.findLast((each) => each.masterAddresses !== undefined)
      ?.masterAddresses ?? [],
  };
}

interface Together extends Required<Omit<WorkerOrders, "acksNumber">> {
  /** Numbers of news whose reports all arrived; `acks` has those of them that were refused. */
  readonly taken: readonly number[];
}

/** Many jobs at once would be more than one message may carry; each alone is not. */
function inMessages(jobs: readonly JobView[]): readonly JobView[][] {
  const messages: JobView[][] = [];
  let room = 0;
  for (const job of jobs) {
    const bytes = assignedBytes(job);
    const last = messages.at(-1);
    if (last !== undefined && bytes <= room) {
      last.push(job);
      room -= bytes;
    } else {
      messages.push([job]);
      room = ASSIGNED_BYTES_MAX - bytes;
    }
  }
  return messages;
}

function newsFrom(message: WorkerMessage): WorkerNews {
  return {
    ...(message.stats === undefined ? {} : { stats: statsFromWire(message.stats) }),
    reports: message.reports.map(reportFromWire).filter((report) => report !== undefined),
    progress: message.progress.map((each) => ({
      jobId: each.jobId,
      token: exactly("fencing_token", each.fencingToken),
      fraction: bounded(each.fraction),
      message: each.message,
      logLines: each.logLines,
      firstLine: nearly(each.firstLine),
    })),
    draining: message.draining,
    goodbye: message.goodbye,
    ...(message.number === 0n ? {} : { number: exactly("number", message.number) }),
  };
}

/** A part of a whole, whatever a worker says that it is. */
function bounded(fraction: number): number {
  return fraction > 0 ? Math.min(1, fraction) : 0;
}
