import assert from "node:assert/strict";
import { isSlice } from "../slice.ts";
import { canInject, type Injection, onFaultyDisk } from "./process.ts";

type Step = readonly [what: string, injection: Pick<Injection, "file" | "calls" | "when">];

/** Of the making of a log, and of the state beside it, in their order. */
const STEPS: readonly Step[] = [
  ["begins the log's database", { file: "raft/raft.db.new", calls: "pwrite64", when: "1" }],
  ["fills it", { file: "raft/raft.db.new-wal", calls: "pwrite64", when: "8" }],
  ["syncs it", { file: "raft/raft.db.new", calls: "fsync", when: "2" }],
  ["gives it its name", { file: "raft/raft.db.new", calls: "rename", when: "1" }],
  ["makes the journal", { file: "raft/raft.journal.new", calls: "fdatasync", when: "1" }],
  ["makes the marker", { file: "raft/raft.marker", calls: "fdatasync", when: "1" }],
  ["counts the first commit", { file: "raft/raft.db-wal", calls: "fsync", when: "1" }],
  ["makes its state", { file: "state.db-wal", calls: "pwrite64", when: "5" }],
];

for (const [what, injection] of STEPS) {
  Deno.test({
    name:
      `a master that is killed in its first start, as it ${what}, founds its cluster at the next`,
    ignore: isSlice || !await canInject(),
    fn: () =>
      onFaultyDisk(async (master) => {
        const { stderr } = await master.start({ ...injection, error: "SIGKILL" });
        assert.equal(stderr, "");
        master.start();
        await master.ready();
      }),
  });
}
