/**
 * Who answers calls that need the leader, as this master knows it; calls wait here while nobody does.
 *
 * @module
 */

import { type LeaderRouter, Refusal, type Route } from "../rpc/mod.ts";

/** A route before it is in force. */
export type Destination =
  | Omit<Extract<Route, { kind: "here" }>, "ended">
  | Omit<Extract<Route, { kind: "at" }>, "ended">;

/** Calls that may wait for a leader at once; the next one is refused. */
const WAITING_CALLS_MAX = 10_000;
const RETRY_AFTER_MS = 200;
/** How long a call waits at a master that cannot lead, in ms: enough for another one to be elected. */
const HINDERED_MS = 1_000;

interface Waiter {
  readonly resolve: (route: Route) => void;
  readonly reject: (failure: unknown) => void;
}

export class Router implements LeaderRouter {
  #route: Route | undefined;
  #end = new AbortController();
  readonly #waiters = new Set<Waiter>();
  /** Why nobody may wait here now. */
  #refusal: Refusal | undefined;
  #isStopped = false;
  readonly #hindrance: () => string | undefined;

  /** @param hindrance what keeps this master from leading, in words, so that calls soon learn of it */
  constructor(hindrance: () => string | undefined = () => undefined) {
    this.#hindrance = hindrance;
  }

  get current(): Route | undefined {
    return this.#route;
  }

  get isHindered(): boolean {
    return this.#hindrance() !== undefined;
  }

  /** Calls that wait for a leader now. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** Ends the present route, if it is another one, and lets those who wait take the new one. */
  turn(to: Destination | undefined): void {
    if (isSame(this.#route, to)) return;
    this.#end.abort(new Refusal("unavailable", "leadership has moved"));
    this.#end = new AbortController();
    this.#route = to === undefined ? undefined : { ...to, ended: this.#end.signal };
    if (this.#route === undefined) return;
    for (const { resolve } of this.#waiters) resolve(this.#route);
  }

  next(untilMs: number, signal: AbortSignal): Promise<Route> {
    if (this.#route !== undefined) return Promise.resolve(this.#route);
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#waiters.size >= WAITING_CALLS_MAX) {
      return Promise.reject(
        new Refusal("overloaded", `no master leads, and ${WAITING_CALLS_MAX} calls wait already`, {
          retryAfterMs: RETRY_AFTER_MS,
        }),
      );
    }
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", hungUp);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        resolve: (route) => {
          settle();
          resolve(route);
        },
        reject: (failure) => {
          settle();
          reject(failure);
        },
      };
      const hungUp = () => waiter.reject(signal.reason);
      const leftMs = untilMs - Date.now();
      const timer = setTimeout(
        () => waiter.reject(nobodyLeads(this.#hindrance())),
        this.#hindrance() === undefined ? leftMs : Math.min(leftMs, HINDERED_MS),
      );
      signal.addEventListener("abort", hungUp, { once: true });
      this.#waiters.add(waiter);
    });
  }

  /** Whether this master is cut off: then nobody waits here, but is sent to another member. */
  setCutOff(isCutOff: boolean): void {
    if (this.#isStopped || isCutOff === (this.#refusal !== undefined)) return;
    this.#refuse(isCutOff ? cutOff() : undefined);
  }

  /** This master ends: nobody shall wait for it. */
  stop(): void {
    this.#isStopped = true;
    this.#refuse(new Refusal("unavailable", "this master is shutting down"));
  }

  #refuse(why: Refusal | undefined): void {
    this.#refusal = why;
    if (why === undefined) return;
    for (const { reject } of this.#waiters) reject(why);
  }
}

function cutOff(): Refusal {
  return new Refusal(
    "unavailable",
    "this master hears of no leader and of no majority of its cluster; ask another member",
    { retryAfterMs: RETRY_AFTER_MS },
  );
}

function nobodyLeads(hindrance: string | undefined): Refusal {
  const message = "no master leads at this moment" +
    (hindrance === undefined ? "; try again" : `, and ${hindrance}`);
  return new Refusal("unavailable", message, { retryAfterMs: RETRY_AFTER_MS });
}

function isSame(route: Route | undefined, to: Destination | undefined): boolean {
  if (route === undefined || to === undefined) return route === to;
  if (route.kind === "here" || to.kind === "here") return route.kind === to.kind;
  return route.nodeId === to.nodeId && route.raftAddress === to.raftAddress &&
    route.grpcAddress === to.grpcAddress;
}
