/**
 * The leader's roads to its workers: a stream for those that hold one, a mailbox for those that come
 * by with heartbeats, calls for those that wait to be called. Also when each was last heard of. None of it is replicated: a new leader
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

/** How a worker gets its orders. */
export type Road =
  /** Down its stream; without one until it is back. */
  | { readonly kind: "stream"; readonly link?: WorkerLink }
  /** It comes for them with its heartbeats. */
  | { readonly kind: "mailbox" }
  /** They are brought to it by calls. */
  | { readonly kind: "push"; readonly address: string };

/** Makes the road to a worker that is called. */
export type DialWorker = (workerId: string, address: string) => WorkerLink;

/** One worker's present session. */
export interface Session {
  readonly workerId: string;
  readonly sessionId: string;
  /** It collects its orders with heartbeats. */
  readonly hasMailbox: boolean;
  /** The stream, while there is one; the calls, where there is to be none. */
  link: WorkerLink | undefined;
  lastHeardMs: number;
  /** It let the time to start a job pass, and was not heard of since: it may be frozen or cut off. */
  isDoubted: boolean;
  stats: WorkerStatsView | undefined;
  /** Orders that wait for the next heartbeat. */
  readonly mailbox: { assignments: JobView[]; cancellations: CancellationView[] };
  /** Wakes a heartbeat that waits for orders. */
  wake: () => void;
}

export class Sessions {
  readonly #dial: DialWorker;
  readonly #byWorker = new Map<string, Session>();

  constructor(dial: DialWorker) {
    this.#dial = dial;
  }

  /** Everybody, in no order. */
  all(): Iterable<Session> {
    return this.#byWorker.values();
  }

  get(workerId: string): Session | undefined {
    return this.#byWorker.get(workerId);
  }

  /** How many jobs a worker may be given now, whatever its slots; undefined: nobody reaches it. */
  roomOf(workerId: string, sessionId: string): number | undefined {
    const session = this.#byWorker.get(workerId);
    if (session?.sessionId !== sessionId) return undefined;
    if (session.isDoubted) return 0;
    if (session.hasMailbox) return Number.POSITIVE_INFINITY;
    return session.link === undefined ? undefined : session.link.room ?? Number.POSITIVE_INFINITY;
  }

  /** Begins a session, or takes up the same one again over a new stream. */
  open(workerId: string, sessionId: string, road: Road, nowMs: number): Session {
    const before = this.#byWorker.get(workerId);
    before?.link?.close();
    before?.wake();
    const session: Session = {
      workerId,
      sessionId,
      hasMailbox: road.kind === "mailbox",
      link: this.#linkOf(workerId, road),
      lastHeardMs: nowMs,
      isDoubted: false,
      stats: before?.stats,
      mailbox: { assignments: [], cancellations: [] },
      wake: () => {},
    };
    this.#byWorker.set(workerId, session);
    return session;
  }

  #linkOf(workerId: string, road: Road): WorkerLink | undefined {
    switch (road.kind) {
      case "stream":
        return road.link;
      case "mailbox":
        return undefined;
      case "push":
        return this.#dial(workerId, road.address);
    }
  }

  /**
   * The worker was heard of.
   *
   * @returns whether it gets jobs again that it did not get before
   */
  heard(session: Session, nowMs: number): boolean {
    const wasDoubted = session.isDoubted;
    session.lastHeardMs = nowMs;
    session.isDoubted = false;
    return wasDoubted;
  }

  /**
   * What the worker was given it did not start in time: it gets no more until it is heard of. Not so one
   * that comes for its orders: it says nothing in between, and would find its mailbox empty each time.
   */
  doubt(workerId: string): void {
    const session = this.#byWorker.get(workerId);
    if (session?.hasMailbox === false) session.isDoubted = true;
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
    if (session?.hasMailbox === true) {
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
    if (!session.hasMailbox) {
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

  /** @param acksNumber of the news that they answer, all of it; undefined: it has none */
  acknowledge(workerId: string, acks: readonly ReportAckView[], acksNumber?: number): void {
    this.#byWorker.get(workerId)?.link?.send({ acks, acksNumber });
  }
}
