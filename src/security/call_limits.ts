import { BoundedMap } from "./bounded_map.ts";
import { addressKey, RateLimiter, type RateLimitOptions, type RateVerdict } from "./rate_limit.ts";

/**
 * Whose traffic a method is. Workers' own calls have limits of their own, so that a flood of
 * submissions from the same identity or address never silences a heartbeat; masters' calls to each
 * other have none.
 */
export type CallClass = "user" | "worker" | "peer";

const WORKER_METHODS: ReadonlySet<string> = new Set([
  "/proto.MasterService/RegisterWorker",
  "/proto.MasterService/Heartbeat",
  "/proto.MasterService/WorkerSession",
  "/proto.MasterService/ReportResult",
  "/proto.MasterService/DeregisterWorker",
]);

/** The class of a method; `user` when nothing else is known of it. */
export function classOf(method: string): CallClass {
  if (WORKER_METHODS.has(method)) return "worker";
  return method.startsWith("/proto.RaftService/") || method.startsWith("/proto.WorkerService/")
    ? "peer"
    : "user";
}

/** A worker may report that many times as fast as a user may ask ... */
const WORKER_FACTOR = 10;
/** ... and at least this fast, in calls a second and as a burst. */
const WORKER_CALLS_MIN = 1000;

/** How long no second audit line is written about refusals of the same caller. */
const SILENCE_MS = 1000;

/** The limits of a gate: by verified identity, and by address before there is one. */
export class CallLimits {
  readonly #users: RateLimiter;
  readonly #workers: RateLimiter;
  readonly #strangers: RateLimiter;
  readonly #refusals = new BoundedMap<string, { sinceMs: number; count: number }>(10_000);

  /** @throws {RangeError} when a number is not positive */
  constructor(readonly options: RateLimitOptions) {
    this.#users = new RateLimiter(options);
    this.#strangers = new RateLimiter(options);
    this.#workers = new RateLimiter({
      ...options,
      requestsPerSec: Math.max(WORKER_CALLS_MIN, options.requestsPerSec * WORKER_FACTOR),
      burst: Math.max(WORKER_CALLS_MIN, options.burst * WORKER_FACTOR),
    });
  }

  /**
   * A call by somebody who is known: by user, or by address when everybody is anonymous.
   *
   * @param identity `user:alice`, or an address from `peerIp`
   */
  take(callClass: CallClass, identity: string, nowMs: number): RateVerdict {
    switch (callClass) {
      case "peer":
        return { allowed: true };
      case "worker":
        return this.#workers.take(identity, nowMs);
      case "user":
        return this.#users.take(identity, nowMs);
    }
  }

  /**
   * A call whose credentials are missing, wrong, or not yet known to be good, by its address. Calls
   * with credentials that are known to be good never come here, so that a neighbour's failures do
   * not shut them out. Workers' calls are counted apart from users'.
   */
  takeAsStranger(callClass: CallClass, ip: string, nowMs: number): RateVerdict {
    return this.#strangers.take(`${callClass} ${addressKey(ip)}`, nowMs);
  }

  /**
   * Notes a refusal.
   *
   * @returns how many to report in one audit line, or undefined when one was written for this
   * caller less than a second ago: a flood must not become a flood of lines
   */
  noteRefusal(who: string, nowMs: number): number | undefined {
    const known = this.#refusals.get(who);
    const count = (known?.count ?? 0) + 1;
    const sinceMs = known === undefined ? Number.POSITIVE_INFINITY : nowMs - known.sinceMs;
    if (known !== undefined && sinceMs >= 0 && sinceMs < SILENCE_MS) {
      known.count = count;
      return undefined;
    }
    this.#refusals.set(who, { sinceMs: nowMs, count: 0 });
    return count;
  }
}
