/**
 * The cluster as it lives: once a second its state is put into words, once for everybody who watches,
 * and once for those who see the same namespaces alone. Nobody has a queue: whoever reads slowly gets the latest state when it has read the one before, and
 * is told that it missed changes of jobs rather than being told of each.
 *
 * @module
 */

import { type CallContext, MasterService, methodPath } from "../rpc/mod.ts";
import type { Logger } from "../observability/mod.ts";
import { eventBytes, type EventWriter } from "./event_stream.ts";
import type { ApiMaster } from "./gateway.ts";
import { jsonOf } from "./proto_json.ts";

/** A job that changed: enough for a list to know what to ask for. */
export interface JobHint {
  readonly id: string;
  readonly status: string;
  readonly type: string;
}

/** A change of a job, and whose it is. */
export interface JobChange extends JobHint {
  readonly namespace: string;
}

/** The cluster as the node that tells sees it. */
export interface ClusterNow {
  readonly at: string;
  readonly node_id: string;
  readonly cluster_id: string;
  readonly version: string;
  readonly leader_id: string;
  readonly raft_state: string;
  readonly term: number;
  readonly commit_index: number;
  readonly applied_index: number;
  readonly last_log_index: number;
  /** What any node knows of them; the leader's word takes its place where there is one. */
  readonly members: readonly Readonly<Record<string, unknown>>[];
  readonly workers: {
    readonly total: number;
    readonly active: number;
    readonly draining: number;
    readonly disconnected: number;
    readonly slots: number;
    readonly busy: number;
  };
  /** By status. */
  readonly jobs: Readonly<Record<string, number>>;
  /** Those with the most unfinished jobs first, up to a bound. */
  readonly types: readonly object[];
  readonly queues: readonly object[];
  /** Of the last minute; absent where only some namespaces are told of. */
  readonly latency?: object;
  /** The latest of {@linkcode LiveSource.history}; absent as `latency` is. */
  readonly point?: object;
}

/** What a node knows of what happens. */
export interface LiveSource {
  /** @param namespaces whose jobs and workers to tell of; undefined: all */
  now(namespaces?: readonly string[]): ClusterNow;
  history(): object;
  /** Tells of every job that changes, until what it returns is called. */
  onChange(tell: (change: JobChange) => void): () => void;
}

/** Time between two frames, in ms. */
const FRAME_MS = 1_000;
/** Jobs that one frame names; of more it says that there are more. */
const HINTS_MAX = 200;
/** Time that the leader has for its view of the members, in ms, and how long that is good for. */
const MEMBERS_TIMEOUT_MS = 900;
const MEMBERS_GOOD_MS = 5_000;

const MISSED = eventBytes("jobs", { jobs: [], more: true });

/** A second of the cluster's life. */
interface Frame {
  readonly number: number;
  readonly changes: readonly JobChange[];
  readonly hasMore: boolean;
  /** In words, by the namespaces that they tell of: made when the first of those asks. */
  readonly told: Map<string, Told>;
}

interface Told {
  readonly cluster: Uint8Array;
  /** Undefined: none changed. */
  readonly jobs: Uint8Array | undefined;
}

export interface Follower {
  /** It sees what is in these alone; undefined: all. */
  readonly namespaces: readonly string[] | undefined;
  /** It may list jobs. */
  readonly seesJobs: boolean;
  /** As whom the leader may be asked for the members. */
  readonly call: CallContext;
}

export class LiveFeed {
  readonly #master: () => ApiMaster;
  readonly #log: Logger;
  readonly #followers = new Set<Follower>();
  readonly #changed = new Map<string, JobChange>();
  #hasMore = false;
  #frame: Frame | undefined;
  #next = Promise.withResolvers<void>();
  #members: { readonly atMs: number; readonly view: unknown } | undefined;
  #isAsking = false;
  #stop: (() => void) | undefined;

  constructor(master: () => ApiMaster, log: Logger) {
    this.#master = master;
    this.#log = log;
  }

  /** Tells of every second until `signal` aborts. */
  async follow(follower: Follower, out: EventWriter, signal: AbortSignal): Promise<void> {
    this.#followers.add(follower);
    try {
      if (this.#stop === undefined) {
        this.#stop = this.#start();
        await this.#askForMembers();
      }
      if (this.#frame === undefined) this.#tick();
      let seen: number | undefined;
      while (!signal.aborted) {
        const frame = this.#frame!;
        if (frame.number === seen) {
          await untilAborted(this.#next.promise, signal);
          continue;
        }
        const told = this.#told(frame, follower.namespaces);
        await out.write(told.cluster);
        const jobs = seen === undefined || frame.number === seen + 1 ? told.jobs : MISSED;
        if (follower.seesJobs && jobs !== undefined && seen !== undefined) await out.write(jobs);
        seen = frame.number;
      }
    } finally {
      this.#followers.delete(follower);
      if (this.#followers.size === 0) {
        this.#stop?.();
        this.#stop = undefined;
        this.#frame = undefined;
      }
    }
  }

  #start(): () => void {
    const forget = this.#master().live.onChange((change) => this.#note(change));
    const timer = setInterval(() => {
      this.#tick();
      void this.#askForMembers();
    }, FRAME_MS);
    return () => {
      clearInterval(timer);
      forget();
      this.#changed.clear();
      this.#hasMore = false;
    };
  }

  #note(change: JobChange): void {
    if (this.#changed.size >= HINTS_MAX && !this.#changed.has(change.id)) this.#hasMore = true;
    else this.#changed.set(change.id, change);
  }

  #tick(): void {
    this.#frame = {
      number: (this.#frame?.number ?? 0) + 1,
      changes: [...this.#changed.values()],
      hasMore: this.#hasMore,
      told: new Map(),
    };
    this.#changed.clear();
    this.#hasMore = false;
    this.#next.resolve();
    this.#next = Promise.withResolvers();
  }

  #told({ changes, hasMore, told }: Frame, namespaces: readonly string[] | undefined): Told {
    const whose = namespaces === undefined ? "" : JSON.stringify([...namespaces].sort());
    const known = told.get(whose);
    if (known !== undefined) return known;
    const jobs = changes
      .filter(({ namespace }) => namespaces?.includes(namespace) ?? true)
      .map(({ id, status, type }) => ({ id, status, type }));
    const made = {
      cluster: eventBytes("cluster", this.#now(namespaces)),
      jobs: jobs.length > 0 || hasMore ? eventBytes("jobs", { jobs, more: hasMore }) : undefined,
    };
    told.set(whose, made);
    return made;
  }

  #now(namespaces: readonly string[] | undefined): object {
    const now = this.#master().live.now(namespaces);
    const isGood = this.#members !== undefined && namespaces === undefined &&
      performance.now() - this.#members.atMs < MEMBERS_GOOD_MS && now.leader_id !== "";
    return isGood ? { ...now, members: this.#members?.view } : now;
  }

  /**
   * How far the others are, the leader alone knows. It is asked on behalf of somebody who watches, and
   * judges them by itself; without its word, what this node knows is told.
   */
  async #askForMembers(): Promise<void> {
    const follower = [...this.#followers].find(({ namespaces }) => namespaces === undefined);
    if (follower === undefined || this.#isAsking) return;
    this.#isAsking = true;
    const method = MasterService.method.listMembers;
    try {
      const answer = await this.#master().handlers.listMembers({} as never, {
        ...follower.call,
        method: methodPath(method),
        requestId: crypto.randomUUID(),
        deadlineMs: Date.now() + MEMBERS_TIMEOUT_MS,
        signal: AbortSignal.timeout(MEMBERS_TIMEOUT_MS),
      });
      const json = jsonOf(method.output, answer);
      const view = (json.members as { node_id: string }[])
        .map((each) => ({ ...each, is_leader: each.node_id === json.leader_id }));
      this.#members = { atMs: performance.now(), view };
    } catch (failure) {
      this.#log.debug("the leader did not tell of the members", { error: failure });
    } finally {
      this.#isAsking = false;
    }
  }
}

/** @throws the signal's reason */
function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = () => reject(signal.reason);
    signal.addEventListener("abort", aborted, { once: true });
    promise.then(() => {
      signal.removeEventListener("abort", aborted);
      resolve();
    });
  });
}
