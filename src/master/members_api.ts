/**
 * The calls that change who is in the cluster, as the leader answers them.
 *
 * @module
 */

import type { RaftStatus } from "../raft/mod.ts";
import {
  type CallContext,
  type JoiningNode,
  type MasterApi,
  pause,
  Refusal,
  type StreamWriter,
} from "../rpc/mod.ts";
import { backUp } from "./backup.ts";
import { audited } from "./audited.ts";
import { dutiesOf, type MasterContext } from "./context.ts";
import { formatMemberAddress, type MemberAddress, parseMemberAddress } from "./member_address.ts";
import { quorumFaultWithout } from "./members.ts";
import { notLeader } from "./proposer.ts";
import { useJoinToken } from "./join_tokens.ts";

type MemberCalls = Pick<
  MasterApi,
  | "joinCluster"
  | "listMembers"
  | "addMember"
  | "promoteMember"
  | "removeMember"
  | "transferLeadership"
  | "takeSnapshot"
  | "backup"
>;

/** A call that must learn whether a member is alive answers within this, if need be with "later". */
const LIVENESS_WAIT_MS_MAX = 2_500;

export class MembersApi implements MemberCalls {
  readonly #context: MasterContext;

  constructor(context: MasterContext) {
    this.#context = context;
  }

  async listMembers() {
    dutiesOf(this.#context);
    const { proposer, barrierTimeoutMs } = this.#context;
    await proposer.readBarrier(barrierTimeoutMs);
    dutiesOf(this.#context);
    return this.#context.members();
  }

  joinCluster(joining: JoiningNode, call: CallContext) {
    const { nodeId, incarnation } = joining;
    return audited(this.#context, "join a member", `${nodeId} (${incarnation})`, call, async () => {
      dutiesOf(this.#context);
      this.#checkJoining(joining);
      const { facts } = this.#context;
      await useJoinToken(this.#context, call, {
        name: nodeId,
        usedBy: `${nodeId}/${incarnation}`,
      });
      const message = await this.#letIn(joining);
      this.#context.memberDuties?.membershipChanged();
      return { message, leaderId: facts.nodeId, clusterId: facts.clusterId };
    });
  }

  addMember(
    member: { readonly id: string; readonly raftAddress: string; readonly grpcAddress: string },
    call: CallContext,
  ) {
    const { id, raftAddress, grpcAddress } = member;
    return audited(this.#context, "add a member", `${id} at ${raftAddress}`, call, async () => {
      dutiesOf(this.#context);
      const address = formatMemberAddress({ raft: raftAddress, grpc: grpcAddress });
      const known = this.#member(id);
      if (known !== undefined && isAt(known.address, { raft: raftAddress, grpc: grpcAddress })) {
        return { message: `${id} is a member already` };
      }
      if (known !== undefined) {
        throw new Refusal(
          "already_exists",
          `${id} is a member already, at ${known.address.replace("/", " and ")}; ` +
            "remove it first, or choose another node id",
        );
      }
      const there = this.#context.members().members.find((each) =>
        each.raftAddress === raftAddress && each.answers
      );
      if (there !== undefined) {
        throw new Refusal(
          "already_exists",
          `${raftAddress} is where ${there.id} answers; each member has an address of its own`,
        );
      }
      await this.#context.proposer.changeMembership({
        kind: "add_learner",
        member: { id, address, incarnation: "" },
      });
      this.#context.memberDuties?.membershipChanged();
      return {
        message: `${id} is expected: start it with conductor master --node-id ${id} --join ` +
          "HOST:PORT; it votes once it has caught up",
      };
    });
  }

  promoteMember(id: string, call: CallContext) {
    return audited(this.#context, "promote a member", id, call, async () => {
      dutiesOf(this.#context);
      const member = this.#member(id);
      if (member === undefined) throw this.#unknown(id);
      if (member.votes) return { message: `${id} votes already` };
      await this.#heardOut();
      const details = this.#context.members().members.find((each) => each.id === id);
      if (details?.answers !== true) {
        throw new Refusal(
          "failed_precondition",
          `${id} does not answer, so it is not promoted: its vote would count against the quorum`,
        );
      }
      await this.#context.proposer.changeMembership({ kind: "promote", id });
      return { message: `${id} votes now` };
    });
  }

  removeMember(id: string, { force }: { readonly force: boolean }, call: CallContext) {
    const act = force ? "remove a member by force" : "remove a member";
    return audited(this.#context, act, id, call, async () => {
      dutiesOf(this.#context);
      const { facts, proposer, log } = this.#context;
      const member = this.#member(id);
      if (member === undefined) return this.#removedBefore(id);
      await this.#heardOut();
      const voters = this.#context.members().members.filter((each) => each.suffrage === "voter");
      if (member.votes && voters.length === 1) {
        throw new Refusal(
          "failed_precondition",
          `${id} is the only voter, and a cluster cannot be without one`,
        );
      }
      const fault = member.votes ? quorumFaultWithout(this.#context.members(), id) : undefined;
      if (fault !== undefined && !force) {
        throw new Refusal(
          "failed_precondition",
          `${id} is not removed: ${fault}, so nothing could be committed any more. Bring one of ` +
            "those back first; --force removes it all the same",
        );
      }
      if (id === facts.nodeId) {
        // Whoever comes after removes this one: a leader that removes itself leaves a silence.
        const successor = await this.#handOver(undefined);
        throw notLeader(successor.leaderId, this.#context.addressOf(successor.leaderId));
      }
      await proposer.changeMembership({ kind: "remove", id });
      this.#context.memberDuties?.membershipChanged();
      log.warn("a member was removed", { member_id: id, by: call.caller.userId, force });
      return {
        message: `${id} was removed; stop it, since with --join it would come back when it starts`,
      };
    });
  }

  /** Whoever lost the answer, with the leader, asks again; a name that nobody had is mistyped. */
  #removedBefore(id: string): { message: string } {
    const { node, wasMember } = this.#context;
    if (!wasMember(id)) throw this.#unknown(id);
    const { membershipIndex, commitIndex } = node.status();
    if (membershipIndex > commitIndex) {
      throw new Refusal("unavailable", `the removal of ${id} is not committed yet; try again`, {
        retryAfterMs: 100,
      });
    }
    return { message: `${id} is no member any more` };
  }

  async transferLeadership(to: string | undefined, call: CallContext) {
    const { node, facts, duties } = this.#context;
    // No act: nothing changes. Whoever lost the answer to the act itself, with the leader, asks again.
    if (duties !== undefined && to === facts.nodeId) {
      return { leaderId: to, term: node.status().term };
    }
    return await audited(
      this.#context,
      "transfer leadership",
      to ?? "any voter",
      call,
      async () => {
        dutiesOf(this.#context);
        if (to !== undefined) {
          await this.#heardOut();
          const member = this.#context.members().members.find((each) => each.id === to);
          if (member === undefined) throw this.#unknown(to);
          if (member.suffrage === "learner") {
            throw new Refusal("failed_precondition", `${to} is a learner and cannot lead`);
          }
          if (!member.answers) {
            throw new Refusal("failed_precondition", `${to} does not answer, so it cannot lead`);
          }
        }
        return await this.#handOver(to);
      },
    );
  }

  takeSnapshot(call: CallContext) {
    const { facts } = this.#context;
    return audited(
      this.#context,
      "take a snapshot",
      facts.nodeId,
      call,
      () => Promise.resolve({ nodeId: facts.nodeId, ...this.#context.compactNow() }),
    );
  }

  backup(
    options: { readonly stale: boolean },
    out: StreamWriter<Uint8Array>,
    call: CallContext,
  ) {
    const { facts, snapshots } = this.#context;
    return audited(
      this.#context,
      "back up",
      facts.nodeId,
      call,
      () => backUp(this.#context, snapshots, options, out, call),
    );
  }

  async #handOver(to: string | undefined): Promise<{ leaderId: string; term: number }> {
    const { node, facts, roles, proposer, heir, memberTimeoutMs } = this.#context;
    const handedOver = roles.until(
      ({ leaderId }) => leaderId !== undefined && leaderId !== facts.nodeId,
      memberTimeoutMs,
    );
    const target = proposer.transferLeadership(to ?? heir());
    const status = await handedOver;
    if (status?.leaderId !== undefined) return { leaderId: status.leaderId, term: status.term };
    throw new Refusal(
      "failed_precondition",
      `${target} did not take over within ${memberTimeoutMs} ms; ` +
        `${node.leaderId ?? "nobody"} leads now`,
    );
  }

  /** What keeps a node out for good. */
  #checkJoining({ nodeId, clusterId, entryFormat }: JoiningNode): void {
    const { facts } = this.#context;
    if (clusterId !== "" && clusterId !== facts.clusterId) {
      throw new Refusal(
        "failed_precondition",
        `the data directory of ${nodeId} belongs to cluster ${clusterId}, and this is cluster ` +
          `${facts.clusterId}; correct the address to join or the data directory, or let the ` +
          "node join with an empty data directory",
      );
    }
    const needed = this.#context.members().entryFormat;
    if (entryFormat !== 0 && entryFormat < needed) {
      throw new Refusal(
        "failed_precondition",
        `${nodeId} reads log entries up to format ${entryFormat}, and this cluster writes format ` +
          `${needed}; install a newer version of conductor there`,
      );
    }
  }

  async #letIn(joining: JoiningNode): Promise<string> {
    const { proposer, log } = this.#context;
    const { nodeId: id, incarnation, raftAddress, grpcAddress } = joining;
    const address = formatMemberAddress({ raft: raftAddress, grpc: grpcAddress });
    const member = { id, address, incarnation };
    const known = this.#member(id);
    if (known === undefined) {
      await proposer.changeMembership({ kind: "add_learner", member });
      log.info("a member joined", { member_id: id, incarnation, address });
      return `${id} joined as a learner; it votes once it has caught up`;
    }
    if (known.incarnation === incarnation || incarnation === "") {
      const { raft } = parseMemberAddress(known.address);
      // The original's call knows no address for clients.
      const isThere = raft === raftAddress && grpcAddress === "";
      if (known.address !== address && !isThere) {
        if (raft !== raftAddress && this.#isHeardAt(known)) {
          throw new Refusal(
            "unavailable",
            `${id} answers at ${raft}, where it was until now. Whoever comes from ${raftAddress} is a copy ` +
              "of it, unless that falls silent",
            { retryAfterMs: this.#context.memberTimeoutMs },
          );
        }
        await proposer.changeMembership({ kind: "readdress", id, address });
      }
      return `${id} is a member already`;
    }
    const wasExpected = known.incarnation === "" && !known.votes;
    if (wasExpected) {
      await proposer.changeMembership({ kind: "replace", member });
      log.info("a member that was expected joined", { member_id: id, incarnation, address });
      return `${id} joined as a learner; it votes once it has caught up`;
    }
    await this.#checkDead(id, known.incarnation, address);
    await this.#heardOut();
    // Whoever waited too long for the answer has asked again, and one of the two came first.
    if (this.#member(id)?.incarnation !== known.incarnation) return this.#letIn(joining);
    const fault = known.votes ? quorumFaultWithout(this.#context.members(), id) : undefined;
    if (fault !== undefined) {
      throw new Refusal("unavailable", `${id} cannot be replaced now: ${fault}`);
    }
    await proposer.changeMembership({ kind: "replace", member });
    log.warn("a member lost its disk: its new incarnation takes the place of the old one", {
      member_id: id,
      old_incarnation: known.incarnation,
      new_incarnation: incarnation,
      address,
    });
    return `${id} lost its disk and is a new member in the place of the old one; it votes once ` +
      "it has caught up";
  }

  /**
   * Waits until it is known whether the member called `id` is dead, as the one that comes under its
   * name and another disk implies.
   *
   * @throws Refusal for good when the member answers, for now when that cannot be told yet
   */
  async #checkDead(id: string, incarnation: string, newAddress: string): Promise<void> {
    const { facts, tickMs, memberTimeoutMs, peerHeartbeatMs } = this.#context;
    const alive = (where: string) =>
      new Refusal(
        "failed_precondition",
        `${id} is alive at ${where} under another disk (incarnation ${incarnation}), so one node ` +
          `id was started twice, here and at ${newAddress.split("/")[0]}; give this node an id ` +
          `of its own (--node-id) and an empty data directory, since the one that it has bears ` +
          `that id now. If it is to take the place of the old one, stop that one first`,
      );
    if (id === facts.nodeId) throw alive("the leader");
    const startedMs = performance.now();
    // What it sent before it died may still be coming in.
    await pause(peerHeartbeatMs);
    const answersBefore = this.#peer(id)?.answers ?? 0;
    while (true) {
      dutiesOf(this.#context);
      const member = this.#member(id);
      const peer = this.#peer(id);
      if (member?.incarnation !== incarnation || peer === undefined) return; // it changed meanwhile
      const silentMs = peer.lastContactTicks * tickMs;
      if (silentMs >= memberTimeoutMs) return;
      if (peer.answers > answersBefore) throw alive(member.address.split("/")[0] ?? "");
      if (performance.now() - startedMs > LIVENESS_WAIT_MS_MAX) {
        throw new Refusal(
          "unavailable",
          `${id} is a member under another disk that was heard ${Math.round(silentMs)} ms ago; ` +
            `after ${memberTimeoutMs} ms of silence this one takes its place`,
          { retryAfterMs: memberTimeoutMs - silentMs },
        );
      }
      await pause(tickMs);
    }
  }

  /** A leader that was just elected lets everybody answer before it calls anybody silent. */
  async #heardOut(): Promise<void> {
    const { node, tickMs, memberTimeoutMs } = this.#context;
    const untilMs = performance.now() + Math.min(memberTimeoutMs, LIVENESS_WAIT_MS_MAX);
    while (performance.now() < untilMs) {
      const { peers } = node.status();
      const isAwaited = peers.some((peer) =>
        peer.answers === 0 && peer.lastContactTicks * tickMs < memberTimeoutMs
      );
      if (!isAwaited) return;
      await pause(tickMs);
    }
    dutiesOf(this.#context);
  }

  /** Whether it is not from elsewhere that the member speaks now. */
  #isHeardAt({ id, incarnation, address }: RaftStatus["members"][number]): boolean {
    const { peers, tickMs, memberTimeoutMs } = this.#context;
    const said = peers.get(id, incarnation);
    const peer = this.#peer(id);
    return said !== undefined && peer !== undefined && peer.answers > 0 &&
      formatMemberAddress({ raft: said.address, grpc: said.grpcAddress }) === address &&
      peer.lastContactTicks * tickMs < memberTimeoutMs;
  }

  #peer(id: string) {
    return this.#context.node.status().peers.find((each) => each.id === id);
  }

  #member(id: string) {
    return this.#context.node.status().members.find((each) => each.id === id);
  }

  #unknown(id: string): Refusal {
    const known = this.#context.node.status().members.map((each) => each.id).sort().join(", ");
    return new Refusal("not_found", `there is no member ${JSON.stringify(id)}; there are ${known}`);
  }
}

/** Whether `address` is the one that is `told`, which need not say where clients go: the member did when it came. */
function isAt(address: string, told: MemberAddress): boolean {
  const { raft, grpc } = parseMemberAddress(address);
  return raft === told.raft && (told.grpc === "" || told.grpc === grpc);
}
