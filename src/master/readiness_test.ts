import assert from "node:assert/strict";
import { notReadyReasons, type ReadinessFacts, suffrageOf } from "./readiness.ts";

const member = (id: string, votes: boolean, incarnation = `${id}1`) => ({
  id,
  address: `${id}:7/${id}:9`,
  incarnation,
  votes,
});

const founder = member("a", true);

/** Node `b`, which follows `a` and lacks nothing, but for what is said otherwise. */
function follower(
  members: readonly ReturnType<typeof member>[],
  changed: Partial<Omit<ReadinessFacts, "status">> & Partial<ReadinessFacts["status"]> = {},
): ReadinessFacts {
  return {
    incarnation: "b1",
    isStopping: false,
    diskIsFull: false,
    isCaughtUp: true,
    isServing: false,
    ...changed,
    status: {
      id: "b",
      role: "follower",
      leaderId: "a",
      appliedIndex: 9,
      commitIndex: 9,
      ...changed,
      members,
    },
  };
}

Deno.test("a master is ready once it votes, and not as a learner that has caught up", () => {
  const none =
    "it is no member, as far as it knows: the cluster has not let it in, does not reach it, or has removed it";
  assert.deepEqual(notReadyReasons(follower([])), [none]);
  assert.deepEqual(notReadyReasons(follower([founder])), [none]);
  assert.deepEqual(notReadyReasons(follower([founder, member("b", false)])), [
    "it is a learner still and does not vote yet",
  ]);
  assert.deepEqual(notReadyReasons(follower([founder, member("b", true)])), []);
});

Deno.test("a new disk is not the voter that its log still names", () => {
  const old = member("b", true, "b0");
  assert.equal(suffrageOf({ id: "b", members: [founder, old] }, "b1"), "none");
  assert.equal(suffrageOf({ id: "b", members: [founder, old] }, "b0"), "voter");
});

Deno.test("everything that keeps a voter from serving is said, a line each", () => {
  const voters = [founder, member("b", true)];
  const table: [Parameters<typeof follower>[1], string[]][] = [
    [{ isStopping: true }, ["it is shutting down"]],
    [{ diskIsFull: true }, ["its disk is full"]],
    [{ leaderId: undefined, isCaughtUp: false }, ["no leader is known"]],
    [{ isCaughtUp: false }, ["it has not caught up with the leader yet"]],
    [{ appliedIndex: 8 }, ["committed entries wait to be applied"]],
    [{ role: "leader", leaderId: "b" }, ["it was just elected and does not serve yet"]],
    [{ role: "leader", leaderId: "b", isServing: true }, []],
    [{ diskIsFull: true, appliedIndex: 8 }, [
      "its disk is full",
      "committed entries wait to be applied",
    ]],
  ];
  for (const [changed, reasons] of table) {
    assert.deepEqual(notReadyReasons(follower(voters, changed)), reasons);
  }
});
