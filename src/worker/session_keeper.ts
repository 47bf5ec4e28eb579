/**
 * Keeps a worker connected: opens a session with a master, follows the leader, and comes back after
 * every loss, with growing pauses and a word in the log each time.
 *
 * @module
 */

import type { Logger } from "../observability/light.ts";
import {
  type ClusterChannel,
  Refusal,
  type SessionListener,
  SessionStream,
  type WorkerAnnouncement,
  type WorkerNews,
} from "../rpc/light.ts";

export interface SessionKeeperOptions {
  readonly channel: ClusterChannel;
  readonly log: Logger;
  /** What to say at the start of each session. */
  readonly announce: () => WorkerAnnouncement;
  readonly listener: Omit<SessionListener, "onClosed" | "onMasters">;
  /** A session that stood has ended, and neither the worker nor its renewal has ended it. */
  readonly onLost?: () => void;
  /** In ms, on a clock that never goes back; for tests. */
  readonly now?: () => number;
}

const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 2_000;
/**
 * How long it looks for the cluster that it worked for before it takes another one at the addresses
 * that it knows, in ms: longer than an election or a restart, shorter than a restore takes anyone.
 */
const LOYAL_MS = 30_000;
/** Tries that fit into a lease: a worker that comes back late loses what it runs. */
const TRIES_A_LEASE = 8;

export class SessionKeeper {
  readonly #options: SessionKeeperOptions;
  readonly #now: () => number;
  /** Which it worked for last, and since when it does not any more. */
  #cluster = { id: "", lostAtMs: Infinity };
  #stream: SessionStream | undefined;
  #isWelcome = false;
  #isStopped = false;
  /** How often the worker has changed, and how often when the present session was opened. */
  #changes = 0;
  #changesSaid = 0;
  /** The session is being ended for the next one. */
  #isRenewing = false;
  /** A master said who leads. */
  #sent: { readonly by: string; readonly to: string } | undefined;
  /** A leader that was not there: its followers are to pass the session on to it. */
  #unreachable: string | undefined;
  #pauseMs = PAUSE_MS_MIN;
  /** The next pause after a master that leads, and lets nobody in like us. */
  #refusedPauseMs = PAUSE_MS_MIN;
  #pauseMsMax = PAUSE_MS_MAX;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #onStopped: () => void = () => {};

  constructor(options: SessionKeeperOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** A master has let the worker in and the session stands. */
  get isOpen(): boolean {
    return this.#isWelcome;
  }

  /** Opens the first session; every later one opens by itself. */
  start(): void {
    this.#dial();
  }

  /** Sends on the open session; false when there is none. */
  send(news: WorkerNews): boolean {
    return this.#isWelcome && this.#stream !== undefined && this.#stream.send(news);
  }

  /**
   * Says anew what the worker is, which it can at the start of a session only: one that stands is ended,
   * and the next begins at once. It takes up what the worker holds; what the master had sent and did not
   * arrive costs its job no attempt.
   */
  renew(): void {
    this.#changes++;
    if (this.#isWelcome) this.#endForNext();
  }

  #endForNext(): void {
    this.#isWelcome = false;
    this.#isRenewing = true;
    this.#stream?.cancel();
  }

  /** Waits until the master has closed the session, but no longer than `ms`. */
  async stop(ms: number): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    if (this.#stream === undefined) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#isWelcome ? ms : 0);
      this.#onStopped = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#stream?.cancel();
  }

  #dial(): void {
    const address = this.#options.channel.addresses[0] ?? "";
    // Also an address that can be none, or a token that cannot be read.
    this.#connect(address).catch((failure) => this.#closed(address, Refusal.of(failure)));
  }

  /** A stream alone would wait for its connection as long as it takes. */
  async #connect(address: string): Promise<void> {
    if (this.#isStopped) return;
    await this.#options.channel.connected(address);
    if (!this.#isStopped) this.#stream = this.#open(address);
  }

  #open(address: string): SessionStream {
    const { channel, listener, log } = this.#options;
    const announcement = { ...this.#options.announce(), clusterId: this.#clusterWanted() };
    this.#changesSaid = this.#changes;
    return new SessionStream(channel, address, announcement, {
      ...listener,
      onWelcome: (welcome) => {
        this.#isWelcome = true;
        this.#pauseMs = PAUSE_MS_MIN;
        this.#refusedPauseMs = PAUSE_MS_MIN;
        const triesApartMs = welcome.heartbeatTimeoutMs / TRIES_A_LEASE;
        this.#pauseMsMax = Math.min(PAUSE_MS_MAX, Math.max(PAUSE_MS_MIN, triesApartMs));
        channel.learn(welcome.masterAddresses);
        log.info("connected to a master", { address, leader_id: welcome.leaderId });
        const { id } = this.#cluster;
        if (id !== "" && welcome.clusterId !== "" && id !== welcome.clusterId) {
          log.warn("this is another cluster than before, which was not found again", {
            cluster_id: welcome.clusterId,
            former_cluster_id: id,
          });
        }
        this.#cluster = { id: welcome.clusterId || id, lostAtMs: Infinity };
        listener.onWelcome(welcome);
        if (this.#changesSaid !== this.#changes) this.#endForNext();
      },
      onMasters: (addresses) => channel.learn(addresses),
      onClosed: (reason) => this.#closed(address, reason),
    }, this.#unreachable);
  }

  #closed(address: string, reason: Refusal | undefined): void {
    const wasWelcome = this.#isWelcome;
    const isRenewing = this.#isRenewing;
    this.#isWelcome = false;
    this.#isRenewing = false;
    this.#stream = undefined;
    if (this.#isStopped) return this.#onStopped();
    if (isRenewing) {
      this.#cluster = { ...this.#cluster, lostAtMs: this.#now() };
      return this.#dial();
    }
    const { log, channel, onLost } = this.#options;
    if (wasWelcome) {
      this.#cluster = { ...this.#cluster, lostAtMs: this.#now() };
      onLost?.();
    }
    const pauseMs = isRefusal(reason)
      ? this.#nextRefusedPauseMs()
      : this.#nextPauseMs(wasWelcome || reason?.reason === "not_leader");
    this.#turnFrom(address, reason, wasWelcome);
    const next = channel.addresses[0] ?? "";
    log.warn(wasWelcome ? "lost the master" : `cannot reach a master at ${address}`, {
      reason: reason?.message ?? "the master closed the session",
      ...(next === address ? {} : { next_address: next }),
      retry_in_ms: pauseMs,
    });
    this.#timer = setTimeout(() => this.#dial(), pauseMs);
  }

  #clusterWanted(): string {
    const { id, lostAtMs } = this.#cluster;
    return this.#now() - lostAtMs < LOYAL_MS ? id : "";
  }

  /** Goes where the leader is said to be, and back if it is not there: to be passed on. */
  #turnFrom(address: string, reason: Refusal | undefined, wasWelcome: boolean): void {
    const { channel, log } = this.#options;
    const isAnswer = reason === undefined || reason.isAnswer;
    const leader = reason?.leaderAddress;
    const sent = this.#sent;
    this.#sent = leader === undefined ? undefined : { by: address, to: leader };
    if (leader !== undefined) return channel.turnFrom(address, leader);
    if (!wasWelcome && !isAnswer && sent?.to === address) {
      if (this.#unreachable !== address) {
        log.warn("the leader cannot be reached from here: asking a follower to relay", {
          leader_address: address,
          follower_address: sent.by,
        });
      }
      this.#unreachable = address;
      return channel.turnFrom(address, sent.by);
    }
    // Whoever passed the session on until its leader was lost will know the next one.
    const isRelayLeft = wasWelcome && isAnswer && this.#unreachable !== undefined;
    if (isRelayLeft) return;
    if (wasWelcome) this.#unreachable = undefined;
    channel.turnFrom(address, undefined);
  }

  /** Doubles from try to try, with jitter so that many workers do not come back at once. */
  #nextPauseMs(isFirstTry: boolean): number {
    if (isFirstTry) this.#pauseMs = PAUSE_MS_MIN;
    const pauseMs = withJitter(this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, this.#pauseMsMax);
    return pauseMs;
  }

  /** Grows whoever is asked in between: its followers send us back to the same leader at once. */
  #nextRefusedPauseMs(): number {
    const pauseMs = withJitter(this.#refusedPauseMs);
    this.#refusedPauseMs = Math.min(this.#refusedPauseMs * 2, this.#pauseMsMax);
    return pauseMs;
  }
}

function withJitter(ms: number): number {
  return Math.round(ms * (0.5 + Math.random()));
}

/** Another master will not say otherwise: the name is taken, the token is not good. */
function isRefusal(reason: Refusal | undefined): boolean {
  return reason !== undefined && reason.isAnswer &&
    reason.reason !== "unavailable" && reason.reason !== "not_leader";
}
