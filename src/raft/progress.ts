/**
 * What a leader knows about one peer, and how much it may send it (thesis §10.2; the states are
 * etcd's).
 *
 * - `probe`: where the logs agree is unknown; one append a heartbeat until an answer.
 * - `replicate`: appends stream ahead of the answers, within a window.
 * - `snapshot`: the peer needs entries that were compacted; nothing is appended meanwhile.
 */

import type { NodeId } from "./entry.ts";
import { invariant } from "./invariant.ts";

/** See the module's text. */
export type ProgressState = "probe" | "replicate" | "snapshot";

/** Bounds of what may be under way to one peer. */
export interface WindowBounds {
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
}

/** One peer, as its leader sees it. `match < next` always. */
export class Progress {
  readonly id: NodeId;
  /** Whose log this is about: another incarnation's begins anew. */
  readonly incarnation: string;
  state: ProgressState = "probe";
  /** Highest index known to be durable at the peer and equal to ours. Never falls in a term. */
  match = 0;
  /** The next index to send. */
  next: number;
  /** The last index that the peer is to be sent for now. */
  due = 0;
  /** How often in a row, as a spare, it was faster than one in front. */
  wins = 0;
  /** Commit index last told to the peer. */
  sentCommit = 0;
  /** Ticks since the peer was last heard of or, before it ever was, since it is being followed. */
  lastContactTicks = 0;
  /** How often it has been heard of since it is being followed. */
  answers = 0;
  /** Newest round of reads the peer confirmed. */
  readRound = 0;
  readonly #window: Window;
  /** In `probe`: an append is under way, or was lost; the next heartbeat answer frees it. */
  #probeSent = false;
  /** `match` at the last heartbeat answer, to notice a stream that lost its tail. */
  #matchAtHeartbeat = -1;

  constructor(
    member: { readonly id: NodeId; readonly incarnation: string },
    next: number,
    bounds: WindowBounds,
  ) {
    this.id = member.id;
    this.incarnation = member.incarnation;
    this.next = next;
    this.#window = new Window(bounds);
  }

  /** Whether entries must wait. Heartbeats never do. */
  get paused(): boolean {
    if (this.state === "snapshot") return true;
    return this.state === "probe" ? this.#probeSent : this.#window.full;
  }

  /** Messages and bytes under way. */
  get inflight(): { readonly messages: number; readonly bytes: number } {
    return { messages: this.#window.messages, bytes: this.#window.bytes };
  }

  heard(): void {
    this.answers++;
    this.lastContactTicks = 0;
  }

  /** An append with entries up to `lastIndex` (`next - 1` when it has none) goes out. */
  sent(lastIndex: number, bytes: number, commit: number): void {
    invariant(this.state !== "snapshot", () => `Append to ${this.id}, which awaits a snapshot`);
    this.sentCommit = commit;
    if (this.state === "probe") {
      this.#probeSent = true;
    } else if (lastIndex >= this.next) {
      this.#window.add(lastIndex, bytes);
      this.next = lastIndex + 1;
    }
  }

  /** The peer matches up to `match`. Returns whether that is news. */
  accepted(match: number): boolean {
    const news = match > this.match;
    if (news) this.match = match;
    if (match + 1 > this.next) this.next = match + 1;
    if (this.state === "probe" && match >= this.match) this.#becomeReplicate();
    else if (this.state === "replicate") this.#window.freeThrough(match);
    return news;
  }

  /**
   * The peer refused an append behind `prevIndex`; it may match at `hintIndex`. Returns whether the
   * refusal was news: an old one, overtaken by later answers, must not move anything.
   */
  rejected(prevIndex: number, hintIndex: number): boolean {
    if (prevIndex <= this.match) return false;
    if (this.state === "replicate") {
      this.becomeProbe();
      return true;
    }
    if (this.state === "snapshot" || this.next - 1 !== prevIndex) return false;
    this.next = Math.max(Math.min(prevIndex, hintIndex + 1), this.match + 1);
    this.#probeSent = false;
    return true;
  }

  /** Sends again from behind what is known to match; the window starts afresh. */
  becomeProbe(): void {
    this.state = "probe";
    this.#probeSent = false;
    this.next = this.match + 1;
    this.#window.clear();
  }

  /** Answers may be lost: an append is sent again, whatever is under way. */
  answersLost(): void {
    // In `probe`, `next` is where the logs were last thought to agree, and stays.
    if (this.state === "probe") this.#probeSent = false;
    else if (this.state === "replicate") this.becomeProbe();
  }

  /** The peer installed a snapshot at `index`, or (`undefined`) a transfer failed. */
  snapshotEnded(index: number | undefined): void {
    if (this.state !== "snapshot") return;
    this.becomeProbe();
    if (index !== undefined) this.next = Math.max(this.next, index + 1);
    // After a failure the next heartbeat answer tries again: not at once, which would spin.
    else this.#probeSent = true;
  }

  /** The peer needs what compaction removed. */
  becomeSnapshot(): void {
    this.state = "snapshot";
    this.#window.clear();
  }

  /**
   * A heartbeat was answered. Returns whether to send an append even if it carries nothing: in
   * `probe` always, in `replicate` when nothing moved since the last answer though something is
   * under way, for then it was probably lost and the refusal of an empty append will show it.
   */
  heartbeatAnswered(): boolean {
    if (this.state === "probe") {
      this.#probeSent = false;
      return true;
    }
    const stalled = this.#matchAtHeartbeat === this.match && this.match + 1 < this.next;
    this.#matchAtHeartbeat = this.match;
    return this.state === "replicate" && stalled;
  }

  #becomeReplicate(): void {
    this.state = "replicate";
    this.next = this.match + 1;
    this.#window.clear();
  }
}

/** Sizes under way up to some index, oldest first: appends to a peer, or uncommitted proposals. */
export class Window {
  readonly #bounds: WindowBounds;
  #lastIndices: number[] = [];
  #sizes: number[] = [];
  #head = 0;
  bytes = 0;

  constructor(bounds: WindowBounds) {
    this.#bounds = bounds;
  }

  get messages(): number {
    return this.#lastIndices.length - this.#head;
  }

  get full(): boolean {
    return this.messages >= this.#bounds.inflightMessagesMax ||
      this.bytes >= this.#bounds.inflightBytesMax;
  }

  /** `bytes` reach up to `lastIndex`. */
  add(lastIndex: number, bytes: number): void {
    this.#lastIndices.push(lastIndex);
    this.#sizes.push(bytes);
    this.bytes += bytes;
  }

  /** The peer holds everything up to `index`. */
  freeThrough(index: number): void {
    while (this.messages > 0 && (this.#lastIndices[this.#head] ?? 0) <= index) {
      this.bytes -= this.#sizes[this.#head] ?? 0;
      this.#head++;
    }
    if (this.#head > 64 && this.#head * 2 > this.#lastIndices.length) {
      this.#lastIndices = this.#lastIndices.slice(this.#head);
      this.#sizes = this.#sizes.slice(this.#head);
      this.#head = 0;
    }
  }

  clear(): void {
    this.#lastIndices = [];
    this.#sizes = [];
    this.#head = 0;
    this.bytes = 0;
  }
}
