import assert from "node:assert/strict";
import type { RaftStatus } from "../raft/mod.ts";
import { heirByDisk, SlowDisk } from "./slow_disk.ts";

type Peers = Pick<RaftStatus, "members" | "peers">;

/** A leader that has led for 10 s, whose disk is slow beside those of `slowBeside`. */
function leaderOf(slowBeside: { current: readonly string[] }) {
  const clock = { ms: 0 };
  const disk = new SlowDisk({
    pace: {
      faster: (candidates) => {
        const nodeId = candidates.find((each) => slowBeside.current.includes(each));
        return nodeId === undefined ? undefined : { nodeId, syncMs: 1, ownSyncMs: 80 };
      },
    },
    now: () => clock.ms,
    silentTicksMax: 50,
  });
  clock.ms = 10_000;
  return { clock, disk };
}

function peersOf(ids: Record<string, Partial<RaftStatus["peers"][number]> & { votes?: false }>) {
  const each = Object.entries(ids);
  return {
    members: [
      { id: "self", votes: true },
      ...each.map(([id, { votes = true }]) => ({ id, votes })),
    ],
    peers: each.map(([id, { votes: _, ...said }]) => ({
      id,
      state: "replicate",
      lastContactTicks: 50,
      ...said,
    })),
  } as unknown as Peers;
}

const looks = (disk: SlowDisk, peers: Peers, count: number) =>
  Array.from({ length: count }, () => disk.look(peers)?.nodeId);

Deno.test("leadership goes to a voter that is in reach and follows, at the third look in turn", () => {
  const others = {
    learner: { votes: false as const },
    probed: { state: "probe" as const },
    silent: { lastContactTicks: 51 },
  };
  const { disk } = leaderOf({ current: ["learner", "probed", "silent", "good"] });
  assert.deepEqual(looks(disk, peersOf(others), 5), Array(5).fill(undefined));
  assert.deepEqual(looks(disk, peersOf({ ...others, good: {} }), 3), [
    undefined,
    undefined,
    "good",
  ]);
});

Deno.test("a look at which the disk was not slow begins the count anew", () => {
  const slowBeside = { current: ["b"] };
  const { disk } = leaderOf(slowBeside);
  const peers = peersOf({ b: {} });
  looks(disk, peers, 2);
  slowBeside.current = [];
  looks(disk, peers, 1);
  slowBeside.current = ["b"];
  assert.deepEqual(looks(disk, peers, 3), [undefined, undefined, "b"]);
});

Deno.test("leadership is given away no sooner than ten seconds after it was taken, or offered in vain", () => {
  const { disk, clock } = leaderOf({ current: ["b"] });
  const peers = peersOf({ b: {} });
  clock.ms = 9_999;
  assert.deepEqual(looks(disk, peers, 9), Array(9).fill(undefined));
  clock.ms = 10_000;
  assert.deepEqual(looks(disk, peers, 1), ["b"]);
  clock.ms = 19_999;
  assert.deepEqual(looks(disk, peers, 9), Array(9).fill(undefined));
  clock.ms = 20_000;
  assert.deepEqual(looks(disk, peers, 1), ["b"]);
});

Deno.test("a leader that leaves passes over disks that are slow, where another voter can take over", () => {
  const pace = {
    slowBeside: (ids: readonly string[]) => new Set(ids.filter((id) => id === "slow")),
  };
  const heir = (ids: Parameters<typeof peersOf>[0]) =>
    heirByDisk(pace, { ...peersOf(ids), lastIndex: 9_000 }, 50);
  const slow = { match: 9_000 };
  assert.equal(
    heir({ slow, b: { match: 8_000 }, c: { match: 8_990 } }),
    "c",
    "the furthest of them",
  );
  assert.equal(heir({ b: { match: 8_000 }, c: { match: 9_000 } }), undefined, "it goes by the log");
  for (
    const other of [
      { match: 7_999 },
      { match: 9_000, votes: false as const },
      { match: 9_000, lastContactTicks: 51 },
      { match: 9_000, state: "probe" as const },
    ]
  ) assert.equal(heir({ slow, other }), undefined, JSON.stringify(other));
});
