/**
 * What the leader does about its members by itself: learners that have caught up vote, members that
 * moved are told to all, voters that died are removed if that is wished, and one whose disk is much faster
 * is given leadership.
 *
 * @module
 */

import { ENTRY_FORMATS } from "../storage/mod.ts";
import type { MasterContext } from "./context.ts";
import { formatMemberAddress, type MemberAddress } from "./member_address.ts";
import { type DeadServerPolicy, deadVoter } from "./members.ts";
import { SilentMembers } from "./silent_members.ts";
import { SlowDisk } from "./slow_disk.ts";

/** How often the leader looks, in ms. */
const INTERVAL_MS = 500;
/** A member that is told to have moved is told so no more often than this. */
const READDRESS_PAUSE_MS = 10_000;

export class MemberDuties {
  readonly #context: MasterContext;
  readonly #policy: DeadServerPolicy;
  readonly #own: MemberAddress;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #readdressedAtMs = new Map<string, number>();
  readonly #slowDisk: SlowDisk;
  readonly #silent: SilentMembers;
  #isBusy = false;
  #entryFormat: number = ENTRY_FORMATS.oldest;

  constructor(context: MasterContext, policy: DeadServerPolicy, own: MemberAddress) {
    this.#context = context;
    this.#slowDisk = new SlowDisk({
      pace: context.pace,
      now: () => performance.now(),
      silentTicksMax: context.memberTimeoutMs / context.tickMs,
    });
    this.#silent = new SilentMembers({
      log: context.log,
      tickMs: context.tickMs,
      memberTimeoutMs: context.memberTimeoutMs,
      reasonOf: (id) => context.peers.lostReason(id),
    });
    this.#policy = policy;
    this.#own = own;
    this.#timer = setInterval(() => this.#look(), INTERVAL_MS);
    this.#look();
  }

  /** Format of the entries that may be written: every member reads it. */
  get entryFormat(): number {
    return this.#entryFormat;
  }

  /** Somebody came who may read less. */
  membershipChanged(): void {
    this.#entryFormat = this.#context.members().entryFormat;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    this.membershipChanged();
    this.#silent.look(this.#context.node.status());
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#next().finally(() => this.#isBusy = false);
  }

  /** One change at a time, as consensus has it; one that fails does not keep the others back. */
  async #next(): Promise<void> {
    for (const duty of [this.#promote, this.#readdress, this.#removeDead, this.#yield]) {
      try {
        if (await duty.call(this)) return;
      } catch (failure) {
        this.#context.log.debug("a member could not be seen to", { reason: String(failure) });
      }
    }
  }

  /** A learner that has caught up becomes a voter; one that never answered has not. */
  async #promote(): Promise<boolean> {
    const { node, log } = this.#context;
    const { members, peers } = node.status();
    const learner = members.find((member) =>
      !member.votes && member.incarnation !== "" &&
      peers.some((peer) => peer.id === member.id && peer.match > 0 && peer.state === "replicate")
    );
    if (learner === undefined) return false;
    await node.promote(learner.id);
    log.info("a learner votes now", { member_id: learner.id });
    return true;
  }

  /** A member that came back under other addresses. */
  async #readdress(): Promise<boolean> {
    const { node, facts, peers, proposer, log, now } = this.#context;
    for (const { id, address, incarnation } of node.status().members) {
      const said = peers.get(id, incarnation);
      const current = id === facts.nodeId
        ? this.#own
        : said === undefined
        ? undefined
        : { raft: said.address, grpc: said.grpcAddress };
      if (current === undefined || current.raft === "") continue;
      const text = formatMemberAddress(current);
      if (text === address) continue;
      if (now() - (this.#readdressedAtMs.get(id) ?? 0) < READDRESS_PAUSE_MS) continue;
      this.#readdressedAtMs.set(id, now());
      await proposer.changeMembership({ kind: "readdress", id, address: text });
      log.info("a member moved", { member_id: id, from: address, to: text });
      return true;
    }
    return false;
  }

  /** Commits wait for the leader's disk: they had better wait for one that is much faster. */
  async #yield(): Promise<boolean> {
    const { node, proposer, roles, log, audit, facts, memberTimeoutMs } = this.#context;
    const heir = this.#slowDisk.look(node.status());
    if (heir === undefined) return false;
    const [ownMs, itsMs] = [heir.ownSyncMs, heir.syncMs].map((ms) => Math.round(ms * 10) / 10);
    const handedOver = roles.until(
      ({ leaderId }) => leaderId !== undefined && leaderId !== facts.nodeId,
      memberTimeoutMs,
    );
    proposer.transferLeadership(heir.nodeId);
    log.warn("this node's disk is slow: leadership goes to a member whose disk is faster", {
      to: heir.nodeId,
      fsync_ms: ownMs,
      its_fsync_ms: itsMs,
    });
    const leaderId = (await handedOver)?.leaderId ?? node.leaderId ?? "nobody";
    const why = `a fsync takes ${ownMs} ms here, and ${itsMs} ms there`;
    const isDone = leaderId === heir.nodeId;
    audit({
      act: "transfer leadership",
      target: heir.nodeId,
      outcome: isDone ? "done" : "failed",
      userId: `master ${facts.nodeId}`,
      detail: isDone ? why : `${why}; ${leaderId} leads`,
    });
    return true;
  }

  /** A voter that has been silent for so long that nobody expects it back. */
  async #removeDead(): Promise<boolean> {
    const { node, proposer, log, audit, facts, tickMs } = this.#context;
    const { peers } = node.status();
    const silentMs = (id: string) =>
      (peers.find((peer) => peer.id === id)?.lastContactTicks ?? 0) * tickMs;
    const id = deadVoter(this.#context.members(), this.#policy, silentMs);
    if (id === undefined) return false;
    const detail = `silent for ${Math.round(silentMs(id))} ms (cluster.dead_server_cleanup)`;
    await proposer.changeMembership({ kind: "remove", id });
    log.warn("a dead member was removed", { member_id: id, silent_ms: Math.round(silentMs(id)) });
    audit({
      act: "remove a member",
      target: id,
      outcome: "done",
      userId: `master ${facts.nodeId}`,
      detail,
    });
    return true;
  }
}
