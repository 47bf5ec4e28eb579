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
  return PEER_SERVICES.some((service) => method.startsWith(service)) ? "peer" : "user";
}

/** What masters ask of each other, and of workers. */
const PEER_SERVICES = [
  "/proto.RaftService/",
  "/proto.ForwardService/",
  "/proto.FoundingService/",
  "/proto.WorkerService/",
];

/** A worker may report that many times as fast as a user may ask ... */
const WORKER_FACTOR = 10;
/** ... and at least this fast, in calls a second and as a burst. */
const WORKER_CALLS_MIN = 1000;

/** Wrong credentials in a row that an address may show before it has to wait. */
const FAILURES_FREE = 10;
/** The first wait, and the longest, in ms: short, for it also hits whoever shares the address. */
const BACKOFF_MS_MIN = 250;
const BACKOFF_MS_MAX = 2_000;
/** After so long without a failure they are forgotten, in ms. */
const FAILURES_FORGOTTEN_MS = 60_000;

/** How long no second audit line is written about refusals of the same caller. */
const SILENCE_MS = 1000;

/** The limits of a gate: by verified identity, and by address before there is one. */
export class CallLimits {
  readonly #users: RateLimiter;
  readonly #workers: RateLimiter;
  readonly #strangers: RateLimiter;
  readonly #failures = new BoundedMap<string, { count: number; atMs: number; untilMs: number }>(
    10_000,
  );
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
   * @param identity from `identityOf`
   * @param calls so many calls of the class at once, of which all or none are taken
   */
  take(callClass: CallClass, identity: string, nowMs: number, calls = 1): RateVerdict {
    switch (callClass) {
      case "peer":
        return { allowed: true };
      case "worker":
        return this.#workers.take(identity, nowMs, calls);
      case "user":
        return this.#users.take(identity, nowMs, calls);
    }
  }

  /**
   * A call whose credentials are missing, wrong, or not yet known to be good, by its address. Calls
   * with credentials that are known to be good never come here, so that a neighbour's failures do
   * not shut them out. Workers' calls are counted apart from users'.
   */
  takeAsStranger(callClass: CallClass, ip: string, nowMs: number): RateVerdict {
    const waitMs = (this.#failures.get(addressKey(ip))?.untilMs ?? 0) - nowMs;
    if (waitMs > 0 && waitMs <= BACKOFF_MS_MAX) return { allowed: false, retryAfterMs: waitMs };
    return this.#strangers.take(`${callClass} ${addressKey(ip)}`, nowMs);
  }

  /**
   * Notes that credentials from an address were wrong. After some of them in a row, the address has to
   * wait before it is listened to as a stranger again, and longer with each: who guesses gets slower,
   * whose credentials are known to be good does not notice.
   */
  noteFailure(ip: string, nowMs: number): void {
    const key = addressKey(ip);
    const known = this.#failures.get(key);
    const isRecent = known !== undefined && Math.abs(nowMs - known.atMs) < FAILURES_FORGOTTEN_MS;
    const count = (isRecent ? known.count : 0) + 1;
    const beyond = count - FAILURES_FREE;
    const waitMs = beyond <= 0 ? 0 : Math.min(BACKOFF_MS_MIN * 2 ** (beyond - 1), BACKOFF_MS_MAX);
    this.#failures.set(key, { count, atMs: nowMs, untilMs: nowMs + waitMs });
  }

  /** Notes that credentials from an address were good. */
  noteSuccess(ip: string): void {
    this.#failures.delete(addressKey(ip));
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
