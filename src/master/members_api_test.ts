/** Whom a leader lets in, lets go and trusts, with peers that a test speaks for. */

import assert from "node:assert/strict";
import { discardLogger } from "../observability/mod.ts";
import { changed, type MembershipChange, type PeerStatus, type RaftStatus } from "../raft/mod.ts";
import { type CallContext, type JoiningNode, Refusal } from "../rpc/mod.ts";
import type { MasterContext } from "./context.ts";
import { membersView } from "./members.ts";
import { MembersApi } from "./members_api.ts";
import type { AuditedAct } from "./options.ts";
import { Peers } from "./peers.ts";

const TICK_MS = 1;
const MEMBER_TIMEOUT_MS = 100;

/** A leader `a` of voters `a`, `b` and `c`, all of whom answer until a test says otherwise. */
class Leader {
  readonly changes: MembershipChange[] = [];
  readonly audited: AuditedAct[] = [];
  entryFormat = 1;
  commitIndex = 10;
  readonly former = new Set<string>();
  readonly peers = new Peers();
  membership = {
    voters: ["a", "b", "c"].map((id) => ({
      id,
      address: `${id}:7/${id}:9`,
      incarnation: `${id}1`,
    })),
    learners: [] as { id: string; address: string; incarnation: string }[],
  };
  /** Ticks of consensus; one passes whenever somebody looks. */
  #tick = 1;
  readonly #silentSince = new Map<string, number>();
  readonly api: MembersApi;

  constructor() {
    const status = () => this.#status();
    const context = {
      facts: { nodeId: "a", clusterId: "x", version: "1" },
      node: { status, leaderId: "a" },
      proposer: {
        changeMembership: (change: MembershipChange) => {
          const after = changed(this.membership, change);
          if ("refusal" in after) throw new Refusal("failed_precondition", after.refusal);
          this.membership = after as Leader["membership"];
          this.changes.push(change);
          return Promise.resolve();
        },
      },
      tickMs: TICK_MS,
      peerHeartbeatMs: 3,
      memberTimeoutMs: MEMBER_TIMEOUT_MS,
      members: () => ({
        ...membersView({
          status: status(),
          factsOf: () => undefined,
          version: "1",
          tickMs: TICK_MS,
          memberTimeoutMs: MEMBER_TIMEOUT_MS,
        }),
        entryFormat: this.entryFormat,
      }),
      addressOf: () => undefined,
      peers: this.peers,
      wasMember: (id: string) => this.former.has(id),
      audit: (act: AuditedAct) => this.audited.push(act),
      log: discardLogger,
      duties: {},
      memberDuties: undefined,
    };
    this.api = new MembersApi(context as unknown as MasterContext);
  }

  /** It answers no more, and has not done so for `ticks`. */
  fall(id: string, ticks = 0): void {
    this.#silentSince.set(id, this.#tick - ticks);
  }

  #status(): RaftStatus {
    this.#tick++;
    const { voters, learners } = this.membership;
    const all = [...voters, ...learners];
    const peers = all.filter(({ id }) => id !== "a").map((each) => this.#peer(each.id));
    return {
      id: "a",
      leaderId: "a",
      lastIndex: 10,
      commitIndex: this.commitIndex,
      membershipIndex: 10,
      members: all.map((each) => ({ ...each, votes: voters.includes(each) })),
      peers,
    } as unknown as RaftStatus;
  }

  /** One that lives answers all the time; one that fell, not since. */
  #peer(id: string): PeerStatus {
    const since = this.#silentSince.get(id);
    return {
      id,
      match: 10,
      answers: since === undefined ? this.#tick : 7,
      lastContactTicks: since === undefined ? 0 : this.#tick - since,
    } as unknown as PeerStatus;
  }
}

const CALL = { caller: { userId: "op" }, method: "m", requestId: "r" } as unknown as CallContext;

function joining(id: string, incarnation: string, more: Partial<JoiningNode> = {}): JoiningNode {
  const addresses = { raftAddress: `${id}:7`, grpcAddress: `${id}:9` };
  return { nodeId: id, incarnation, ...addresses, clusterId: "x", entryFormat: 1, ...more };
}

function refused(reason: Refusal["reason"], message: RegExp) {
  return (failure: unknown) =>
    failure instanceof Refusal && failure.reason === reason && message.test(failure.message);
}

Deno.test("a join is harmless when it is repeated, and tells a new address", async () => {
  const leader = new Leader();
  const first = await leader.api.joinCluster(joining("d", "d1"), CALL);
  assert.match(first.message, /joined as a learner/);
  const again = await leader.api.joinCluster(joining("d", "d1"), CALL);
  assert.match(again.message, /is a member already/);
  await leader.api.joinCluster(joining("d", "d1", { raftAddress: "elsewhere:7" }), CALL);
  assert.deepEqual(leader.changes.map((each) => each.kind), ["add_learner", "readdress"]);
  assert.deepEqual(leader.audited.map((each) => each.outcome), ["done", "done", "done"]);
});

Deno.test("C11: a copy of a live member does not take its address, and the member itself may move", async () => {
  const leader = new Leader();
  const says = (at: string) =>
    leader.peers.heard("b", {
      ...{ nodeId: "b", incarnation: "b1", address: `${at}:7`, grpcAddress: `${at}:9` },
      ...{ version: "1", entryFormat: 1, life: at },
    });
  const move = (at: string) =>
    leader.api.joinCluster(
      joining("b", "b1", { raftAddress: `${at}:7`, grpcAddress: `${at}:9` }),
      CALL,
    );
  says("b");
  await assert.rejects(move("copy"), refused("unavailable", /b answers at b:7.*copy:7 is a copy/));
  assert.deepEqual(leader.changes, []);
  // As a master of the original says it, which knows no address for clients.
  const { message } = await leader.api.joinCluster(joining("b", "", { grpcAddress: "" }), CALL);
  assert.match(message, /is a member already/);
  assert.deepEqual(leader.changes, []);
  // It is heard from elsewhere now.
  says("elsewhere");
  await move("elsewhere");
  // And then it is silent, wherever it is: it may have been moved without having spoken to anybody.
  leader.fall("b", MEMBER_TIMEOUT_MS);
  await move("further");
  assert.deepEqual(
    leader.changes,
    ["elsewhere", "further"].map((at) => (
      { kind: "readdress", id: "b", address: `${at}:7/${at}:9` }
    )),
  );
});

Deno.test("C11: a live member's name is refused to another disk, for good", async () => {
  const leader = new Leader();
  for (const id of ["b", "a"]) {
    await assert.rejects(
      leader.api.joinCluster(joining(id, `${id}2`), CALL),
      refused("failed_precondition", /is alive at .*one node id was started twice/),
    );
  }
  assert.deepEqual(leader.changes, []);
  assert.equal(leader.audited[0]?.outcome, "refused");
});

Deno.test("P17: a dead member's name goes to its new disk in one step, as a learner", async () => {
  const leader = new Leader();
  leader.fall("b");
  const { message } = await leader.api.joinCluster(joining("b", "b2"), CALL);
  assert.match(message, /lost its disk/);
  assert.deepEqual(leader.changes.map((each) => each.kind), ["replace"]);
  assert.deepEqual(leader.membership.voters.map((each) => each.id), ["a", "c"]);
  assert.equal(leader.membership.learners[0]?.incarnation, "b2");
});

Deno.test("a new disk that asks again before it is answered is let in once", async () => {
  const leader = new Leader();
  leader.fall("b");
  const answers = await Promise.all([
    leader.api.joinCluster(joining("b", "b2"), CALL),
    leader.api.joinCluster(joining("b", "b2"), CALL),
  ]);
  assert.match(answers[0].message, /lost its disk/);
  assert.match(answers[1].message, /is a member already/);
  assert.deepEqual(leader.changes.map((each) => each.kind), ["replace"]);
});

Deno.test("a dead member is not replaced while the others have no quorum; it may try again", async () => {
  const leader = new Leader();
  leader.fall("c", 1);
  leader.fall("b");
  await assert.rejects(
    leader.api.joinCluster(joining("b", "b2"), CALL),
    refused("unavailable", /cannot be replaced now: without b .* only 1 answers/),
  );
  assert.deepEqual(leader.changes, []);
});

Deno.test("members of other clusters, and those that cannot read the log, are kept out", async () => {
  const leader = new Leader();
  await assert.rejects(
    leader.api.joinCluster(joining("d", "d1", { clusterId: "y" }), CALL),
    refused("failed_precondition", /belongs to cluster y, and this is cluster x/),
  );
  leader.entryFormat = 3;
  await assert.rejects(
    leader.api.joinCluster(joining("d", "d1", { entryFormat: 2 }), CALL),
    refused("failed_precondition", /reads log entries up to format 2, .* writes format 3/),
  );
  await leader.api.joinCluster(joining("d", "d1", { entryFormat: 3 }), CALL);
  assert.deepEqual(leader.changes.map((each) => each.kind), ["add_learner"]);
});

Deno.test("one that is expected takes its place at once, and is not let in twice under one name", async () => {
  const leader = new Leader();
  const expected = { id: "d", raftAddress: "d:7", grpcAddress: "" };
  assert.match((await leader.api.addMember(expected, CALL)).message, /d is expected/);
  assert.match((await leader.api.addMember(expected, CALL)).message, /already/);
  await assert.rejects(
    leader.api.addMember({ ...expected, raftAddress: "e:7" }, CALL),
    refused("already_exists", /d is a member already, at d:7/),
  );
  await leader.api.joinCluster(joining("d", "d1"), CALL);
  assert.equal(leader.membership.learners[0]?.incarnation, "d1");
  assert.match(
    (await leader.api.addMember(expected, CALL)).message,
    /already/,
    "it has told where clients find it, and is at the same address still",
  );
  await assert.rejects(
    leader.api.addMember({ ...expected, grpcAddress: "e:9" }, CALL),
    refused("already_exists", /d is a member already, at d:7 and d:9/),
  );
});

Deno.test("nobody is expected where another member answers", async () => {
  const leader = new Leader();
  const expected = { id: "d", raftAddress: "b:7", grpcAddress: "" };
  await assert.rejects(
    leader.api.addMember(expected, CALL),
    refused("already_exists", /b:7 is where b answers/),
  );
  leader.fall("b", MEMBER_TIMEOUT_MS);
  assert.match((await leader.api.addMember(expected, CALL)).message, /d is expected/);
});

Deno.test("nobody is removed, promoted or made leader who must not be", async () => {
  const leader = new Leader();
  leader.fall("c", MEMBER_TIMEOUT_MS);
  await assert.rejects(
    leader.api.removeMember("b", { force: false }, CALL),
    refused("failed_precondition", /b is not removed: without b .*--force/),
  );
  await assert.rejects(
    leader.api.removeMember("z", { force: true }, CALL),
    refused("not_found", /no member "z"; there are a, b, c/),
  );
  await assert.rejects(
    leader.api.transferLeadership("c", CALL),
    refused("failed_precondition", /c does not answer/),
  );
  await assert.rejects(leader.api.promoteMember("z", CALL), refused("not_found", /"z"/));
  assert.deepEqual(await leader.api.promoteMember("b", CALL), { message: "b votes already" });
  assert.match(
    (await leader.api.removeMember("c", { force: false }, CALL)).message,
    /c was removed/,
  );
  assert.match(
    (await leader.api.removeMember("b", { force: true }, CALL)).message,
    /b was removed/,
  );
  await assert.rejects(
    leader.api.removeMember("a", { force: true }, CALL),
    refused("failed_precondition", /only voter/),
  );
});

Deno.test("a removal is harmless when it is repeated, and a name that no member had is refused", async () => {
  const leader = new Leader();
  leader.former.add("d");
  assert.deepEqual(await leader.api.removeMember("d", { force: false }, CALL), {
    message: "d is no member any more",
  });
  leader.commitIndex = 9;
  await assert.rejects(
    leader.api.removeMember("d", { force: false }, CALL),
    refused("unavailable", /is not committed yet/),
  );
  await assert.rejects(leader.api.removeMember("e", { force: false }, CALL), /no member "e"/);
  assert.deepEqual(leader.changes, []);
});

Deno.test("a transfer to whoever leads already is answered, and is no act for the audit log", async () => {
  const leader = new Leader();
  assert.equal((await leader.api.transferLeadership("a", CALL)).leaderId, "a");
  assert.deepEqual(leader.audited, []);
  await assert.rejects(leader.api.transferLeadership("nobody", CALL), /there is no member/);
  assert.deepEqual(leader.audited.map(({ outcome }) => outcome), ["refused"]);
});
