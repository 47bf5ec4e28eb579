/**
 * The leader's roads to its workers: a stream for those that hold one, a mailbox for those that come
 * by with heartbeats. Also when each was last heard of. None of it is replicated: a new leader
 * starts from the workers that the state names, and gives each a full lease.
 *
 * @module
 */

import type {
  CancellationView,
  JobView,
  Refusal,
  ReportAckView,
  WorkerLink,
  WorkerStatsView,
} from "../rpc/mod.ts";

/** One worker's present session. */
export interface Session {
  readonly workerId: string;
  readonly sessionId: string;
  /** It has no stream and collects its orders with heartbeats. */
  readonly unary: boolean;
  /** The stream, while there is one. */
  link: WorkerLink | undefined;
  lastHeardMs: number;
  stats: WorkerStatsView | undefined;
  /** Orders that wait for the next heartbeat of a unary worker. */
  readonly mailbox: { assignments: JobView[]; cancellations: CancellationView[] };
  /** Wakes a heartbeat that waits for orders. */
  wake: () => void;
}

export class Sessions {
  readonly #byWorker = new Map<string, Session>();

  /** Everybody, in no order. */
  all(): Iterable<Session> {
    return this.#byWorker.values();
  }

  get(workerId: string): Session | undefined {
    return this.#byWorker.get(workerId);
  }

  /** Whether a worker can be given a job now: it has a stream, or it will come by. */
  isReachable(workerId: string, sessionId: string): boolean {
    const session = this.#byWorker.get(workerId);
    return session?.sessionId === sessionId && (session.unary || session.link !== undefined);
  }

  /** Begins a session, or takes up the same one again over a new stream. */
  open(
    worker: {
      readonly workerId: string;
      readonly sessionId: string;
      readonly unary: boolean;
      readonly link?: WorkerLink;
    },
    nowMs: number,
  ): Session {
    const before = this.#byWorker.get(worker.workerId);
    before?.link?.close();
    before?.wake();
    const session: Session = {
      workerId: worker.workerId,
      sessionId: worker.sessionId,
      unary: worker.unary,
      link: worker.link,
      lastHeardMs: nowMs,
      stats: before?.stats,
      mailbox: { assignments: [], cancellations: [] },
      wake: () => {},
    };
    this.#byWorker.set(worker.workerId, session);
    return session;
  }

  /** Forgets a session that has ended. */
  end(workerId: string, sessionId: string, failure?: Refusal): void {
    const session = this.#byWorker.get(workerId);
    if (session?.sessionId !== sessionId) return;
    this.#byWorker.delete(workerId);
    session.link?.close(failure);
    session.wake();
  }

  /** This node leads no more: workers shall look for the new leader. */
  closeAll(failure: Refusal): void {
    for (const session of this.#byWorker.values()) {
      session.link?.close(failure);
      session.wake();
    }
    this.#byWorker.clear();
  }

  /**
   * Sends jobs to a worker. False when there is no road to it: then they stay assigned until the
   * worker comes back without them, or their time to start is over.
   */
  assign(workerId: string, jobs: readonly JobView[]): boolean {
    const session = this.#byWorker.get(workerId);
    if (session?.unary === true) {
      session.mailbox.assignments.push(...jobs);
      session.wake();
      return true;
    }
    if (session?.link === undefined) return false;
    session.link.send({ assignments: jobs });
    return true;
  }

  /** Tells a worker to stop an attempt. */
  cancel(workerId: string, cancellation: CancellationView): void {
    const session = this.#byWorker.get(workerId);
    if (session === undefined) return;
    if (!session.unary) {
      session.link?.send({ cancellations: [cancellation] });
      return;
    }
    const { assignments, cancellations } = session.mailbox;
    const position = assignments.findIndex((job) =>
      job.id === cancellation.jobId && job.fencingToken === cancellation.token
    );
    if (position >= 0) assignments.splice(position, 1);
    else cancellations.push(cancellation);
    session.wake();
  }

  acknowledge(workerId: string, acks: readonly ReportAckView[]): void {
    this.#byWorker.get(workerId)?.link?.send({ acks });
  }
}
