/**
 * Server-sent events: answers that go on. A slow reader holds up whoever writes to it, and nothing is
 * kept for it meanwhile but what it is being sent; one that takes nothing for long is let go, as is
 * one whose token has ended. How many there may be is bounded.
 *
 * @module
 */

import type { Exchange } from "../http/mod.ts";
import { Refusal, StreamWatch } from "../rpc/mod.ts";
import { type Principal, userIdentityOf } from "../security/mod.ts";
import { faultOf } from "./faults.ts";

export interface EventStreamsOptions {
  /** Whether somebody who was let in still would be. */
  readonly stillValid: (principal: Principal) => boolean;
  /** Open at a time, in all and of one caller. Defaults 512 and 64: several people may share an address. */
  readonly streamsMax?: number;
  readonly streamsOfCallerMax?: number;
  /** A comment is sent after so long, in ms, so that nobody between takes the stream for dead. */
  readonly heartbeatMs?: number;
  /** A reader that takes nothing for so long, in ms, is gone. */
  readonly patienceMs?: number;
  /** How often tokens are looked at, in ms. */
  readonly lookedAtMs?: number;
}

/**
 * The id of the event after which there is nothing more. A browser's EventSource comes back whatever it was
 * told, unless it is answered 204; and this says that it may be.
 */
export const LAST_ID = "end";

/** How long a browser waits before it comes back, in ms. */
const RETRY_MS = 2_000;
const HEARTBEAT_MS = 15_000;
const PATIENCE_MS = 60_000;
const LOOKED_AT_MS = 5_000;
/** What may wait for a reader before whoever writes has to wait, in bytes. */
const WAITING_BYTES_MAX = 64 * 1024;

const encoder = new TextEncoder();
const HEARTBEAT = encoder.encode(": alive\n\n");

/** One event as it is sent. `data` is JSON, which has no line breaks. */
export function eventBytes(event: string, data: unknown, id?: string): Uint8Array {
  const name = id === undefined ? "" : `id: ${id}\n`;
  return encoder.encode(`${name}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

/** Where events go. */
export interface EventWriter {
  /** Begins the answer before there is anything to tell; throws when the stream is over. */
  open(): void;
  /** Resolves when there is room for more; rejects when the stream is over. */
  write(bytes: Uint8Array): Promise<void>;
}

/** Writes until it has said all, or until `signal` aborts. */
export type EventSource = (out: EventWriter, signal: AbortSignal) => Promise<void>;

/** Whose a stream is, and whether they may still have it, by what the policy is then. */
export interface StreamOwner {
  readonly principal: Principal;
  readonly stillMay: () => boolean;
}

/** The streams that are open. */
export class EventStreams {
  readonly #options: EventStreamsOptions;
  readonly #watch: StreamWatch;
  readonly #ofCaller = new Map<string, number>();
  #open = 0;

  constructor(options: EventStreamsOptions) {
    this.#options = options;
    const { stillValid, lookedAtMs = LOOKED_AT_MS } = options;
    this.#watch = new StreamWatch((caller) => stillValid(caller as Principal), lookedAtMs);
  }

  /** For how many readers there are answers that go on. */
  get open(): number {
    return this.#open;
  }

  /**
   * The answer, once `source` has written something.
   *
   * @throws Refusal when there are too many already; and what `source` throws before it writes
   */
  async start(
    { principal, stillMay }: StreamOwner,
    exchange: Exchange,
    source: EventSource,
  ): Promise<Response> {
    const leave = this.#enter(principal, exchange.peerAddress);
    const outlet = new Outlet(this.#options.patienceMs ?? PATIENCE_MS);
    const end = (why: Refusal) => outlet.end(why);
    const stopped = () => end(new Refusal("unavailable", "this node is stopping"));
    const hungUp = () => outlet.abandon();
    exchange.stopping.addEventListener("abort", stopped);
    exchange.gone.addEventListener("abort", hungUp);
    const unwatch = this.#watch.watch(principal, end, stillMay);
    const timer = setInterval(() => outlet.beat(), this.#options.heartbeatMs ?? HEARTBEAT_MS);
    const running = source(outlet, outlet.signal).then(
      () => outlet.end(),
      (failure) => {
        if (!outlet.hasBegun) throw failure;
        outlet.end(Refusal.of(failure));
      },
    ).finally(() => {
      clearInterval(timer);
      unwatch();
      exchange.stopping.removeEventListener("abort", stopped);
      exchange.gone.removeEventListener("abort", hungUp);
      leave();
    });
    await Promise.race([running, outlet.begun]);
    return new Response(outlet.body, {
      headers: {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "x-accel-buffering": "no", // a proxy that gathers answers would gather for ever
      },
    });
  }

  /** Calls `end` when the owner is no longer let in to what is none of these streams; returns how to stop. */
  watch({ principal, stillMay }: StreamOwner, end: (why: Refusal) => void): () => void {
    return this.#watch.watch(principal, end, stillMay);
  }

  #enter(principal: Principal, peerAddress: string): () => void {
    const { streamsMax = 512, streamsOfCallerMax = 64 } = this.#options;
    const caller = principal.source === "anonymous"
      ? `address ${peerAddress}`
      : userIdentityOf(principal);
    const ofCaller = this.#ofCaller.get(caller) ?? 0;
    if (this.#open >= streamsMax || ofCaller >= streamsOfCallerMax) {
      const [count, whose] = ofCaller >= streamsOfCallerMax
        ? [streamsOfCallerMax, "of one caller"]
        : [streamsMax, "of this node"];
      throw new Refusal(
        "overloaded",
        `${count} event streams ${whose} are open, and no more may be: close one, or ask again`,
        { retryAfterMs: RETRY_MS },
      );
    }
    this.#open++;
    this.#ofCaller.set(caller, ofCaller + 1);
    return () => {
      this.#open--;
      const left = (this.#ofCaller.get(caller) ?? 1) - 1;
      if (left > 0) this.#ofCaller.set(caller, left);
      else this.#ofCaller.delete(caller);
    };
  }
}

/** The body of one stream. */
class Outlet implements EventWriter {
  readonly body: ReadableStream<Uint8Array>;
  readonly #aborter = new AbortController();
  readonly #begun = Promise.withResolvers<void>();
  readonly #patienceMs: number;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #room: PromiseWithResolvers<void> | undefined;
  #isQuiet = true;
  hasBegun = false;

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => {
        this.#room?.resolve();
        this.#room = undefined;
      },
      cancel: () => this.abandon(),
    }, new ByteLengthQueuingStrategy({ highWaterMark: WAITING_BYTES_MAX }));
  }

  /** Aborted when the stream is over, for whatever reason. */
  get signal(): AbortSignal {
    return this.#aborter.signal;
  }

  /** Resolves when something was written. */
  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  open(): void {
    this.signal.throwIfAborted();
    this.#begin();
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.signal.throwIfAborted();
    this.#begin();
    this.#isQuiet = false;
    this.#controller?.enqueue(bytes);
    if ((this.#controller?.desiredSize ?? 0) > 0) return;
    this.#room ??= Promise.withResolvers<void>();
    const timer = setTimeout(() => this.abandon(), this.#patienceMs);
    try {
      await this.#room.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Says that it lives, if nothing else was said lately and its reader takes what it is sent. */
  beat(): void {
    const isQuiet = this.#isQuiet;
    this.#isQuiet = true;
    if (!isQuiet || !this.hasBegun || this.signal.aborted) return;
    if ((this.#controller?.desiredSize ?? 0) > 0) this.#controller?.enqueue(HEARTBEAT);
  }

  /** Says why, and that there is no more. */
  end(why?: Refusal): void {
    if (this.signal.aborted) return;
    this.#begin();
    this.#controller?.enqueue(
      why === undefined
        ? eventBytes("end", { code: "OK", message: "that was all" }, LAST_ID)
        : eventBytes("end", faultOf(why)),
    );
    this.#controller?.close();
    this.#over(why ?? new Refusal("cancelled", "the stream has ended"));
  }

  /** Nobody reads any more. */
  abandon(): void {
    if (this.signal.aborted) return;
    const why = new Refusal("cancelled", "whoever read the stream has gone");
    // A stream that its reader cancelled is closed by that, and refuses to be again.
    if (this.#controller?.desiredSize !== null) this.#controller?.error(why);
    this.#over(why);
  }

  #begin(): void {
    if (this.hasBegun) return;
    this.hasBegun = true;
    this.#controller?.enqueue(encoder.encode(`retry: ${RETRY_MS}\n\n`));
    this.#begun.resolve();
  }

  #over(why: Refusal): void {
    this.#aborter.abort(why);
    this.#room?.reject(why);
    this.#room = undefined;
  }
}
