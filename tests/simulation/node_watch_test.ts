import assert from "node:assert/strict";
import type { Watched } from "./node_watch.ts";
import { NodeWatch } from "./node_watch.ts";
import { Oracle } from "./oracle.ts";
import { World } from "./world.ts";

/** A leader of term 2 whose log ends at 10, half of it committed. */
const LEADER: Watched = {
  id: "a",
  role: "leader",
  term: 2,
  commitIndex: 5,
  appliedIndex: 5,
  lastIndex: 10,
  members: [{ id: "a", votes: true }],
  peers: [],
};

/** What a node of these states, one after another, is blamed for. */
function blamed(...states: readonly Partial<Watched>[]): string | undefined {
  const oracle = new Oracle(new World(1));
  const watch = new NodeWatch({
    id: "a",
    electionTicks: 10,
    bounds: { inflightMessagesMax: 4, uncommittedEntriesMax: 8 },
    oracle,
    leaders: () => [],
    disks: () => new Map(),
  });
  watch.starts(0);
  for (const state of states) watch.moved({ ...LEADER, ...state });
  return oracle.violation?.checker;
}

Deno.test("a commit index that falls is noticed", () => {
  assert.equal(blamed({}, { commitIndex: 6 }), undefined);
  assert.equal(blamed({}, { commitIndex: 4, appliedIndex: 4 }), "Commit monotonicity");
});

Deno.test("pointers that pass each other are noticed", () => {
  assert.equal(blamed({ appliedIndex: 6 }), "Order of pointers");
  assert.equal(blamed({ commitIndex: 11 }), "Order of pointers");
});

Deno.test("a leader that takes more than its bound is noticed, whatever it inherited", () => {
  assert.equal(blamed({}, { lastIndex: 18 }), undefined);
  assert.equal(blamed({}, { lastIndex: 19 }), "Bounds");
  assert.equal(blamed({}, { lastIndex: 18 }, { term: 3, lastIndex: 26 }), undefined);
});

Deno.test("a leader that sends more than a window at once is noticed", () => {
  assert.equal(blamed({ peers: [{ id: "b", inflightMessages: 4 }] }), undefined);
  assert.equal(blamed({ peers: [{ id: "b", inflightMessages: 5 }] }), "Bounds");
});

Deno.test("a voter that never campaigns is noticed, a learner and a slow one are not", () => {
  const ticking = (status: Partial<Watched>, able: boolean) => {
    const oracle = new Oracle(new World(1));
    const options = { id: "a", electionTicks: 10, bounds: {}, oracle };
    const watch = new NodeWatch({ ...options, leaders: () => [], disks: () => new Map() });
    for (let tick = 0; tick < 60; tick++) {
      watch.ticked({ ...LEADER, role: "follower", ...status }, able);
    }
    return oracle.violation?.checker;
  };
  assert.equal(ticking({}, true), "Election timer");
  assert.equal(ticking({}, false), undefined);
  assert.equal(ticking({ members: [] }, true), undefined);
});
