/** Looks at a master's files: what is told of sound and of damaged ones, and that nothing is changed. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { type Command, JobMachine } from "../jobs/mod.ts";
import { encodeMembership, type Entry } from "../raft/mod.ts";
import {
  BackupWriter,
  encodeCommand,
  inspectRaftLog,
  JOB_STORE_FILE,
  RAFT_LOG_FILES,
  SqliteJobStore,
  SqliteRaftLog,
} from "../storage/mod.ts";
import { contentOf, inspectSnapshot } from "./inspect.ts";

const IDENTITY = { clusterId: "c1", nodeId: "n1", incarnation: "i1" };
const VOTER = { id: "n1", address: "127.0.0.1:7000", incarnation: "i1" };

function test(name: string, body: (directory: string) => void): void {
  Deno.test(name, () => {
    const directory = Deno.makeTempDirSync({ prefix: "conductor-inspect-test-" });
    try {
      body(directory);
    } finally {
      Deno.removeSync(directory, { recursive: true });
    }
  });
}

function submit(id: string): Command {
  const times = { priority: 5, maxRetries: 3, timeoutMs: 60_000, retryDelayMs: 100 };
  const job = { id, type: "t", payload: new Uint8Array([1]), ...times };
  return { kind: "submit", atMs: 1_000, jobs: [job] };
}

/** A log of a beginning, a membership and three commands, left open. */
function written(directory: string): SqliteRaftLog {
  const log = SqliteRaftLog.create(directory, IDENTITY);
  const membership = encodeMembership({ voters: [VOTER], learners: [] });
  const entries: Entry[] = [
    { index: 1, term: 1, kind: "membership", data: membership },
    { index: 2, term: 2, kind: "noop", data: new Uint8Array(0) },
    ...["a", "b", "c"].map((id, at): Entry => ({
      index: 3 + at,
      term: 2,
      kind: "command",
      data: encodeCommand(submit(id)),
    })),
  ];
  log.append(entries.slice(0, 3), { term: 2, vote: "n1", commit: 1 });
  log.append(entries.slice(3), { term: 2, vote: "n1", commit: 4 });
  return log;
}

/** Every file of a directory with its bytes. */
function bytesIn(directory: string): Record<string, string> {
  const files = [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
  return Object.fromEntries(
    files.map((name) => [name, Deno.readFileSync(join(directory, name)).toHex()]),
  );
}

test("a log is read while its master has it open, and no byte of it changes", (directory) => {
  const log = written(directory);
  const before = bytesIn(directory);
  const seen: Entry[] = [];
  const report = inspectRaftLog(directory, (entry) => seen.push(entry));
  assert.deepEqual(bytesIn(directory), before);
  log.close();

  assert.deepEqual(report.faults, []);
  assert.equal(report.nodeId, "n1");
  assert.deepEqual(report.hardState, { term: 2, vote: "n1", commit: 4 });
  assert.deepEqual(report.entries, { noop: 1, command: 3, membership: 1 });
  assert.deepEqual([report.firstIndex, report.lastIndex, report.lastTerm], [1, 5, 2]);
  assert.deepEqual([report.membership.voters, report.membershipIndex], [[VOTER], 1]);
  assert.equal(report.marker?.lastHash, report.lastHash);
  assert.deepEqual(seen.map(({ index }) => index), [1, 2, 3, 4, 5]);
  const last = contentOf(seen[4]!);
  assert.ok(last.kind === "command" && last.command.kind === "submit");
  assert.equal(last.command.jobs[0]?.id, "c");
});

test("a compacted log begins behind its snapshot, and nothing in front of it is told", (directory) => {
  const log = written(directory);
  log.compact({ index: 3, term: 2, membership: { voters: [VOTER], learners: [] } });
  log.close();
  const seen: number[] = [];
  const report = inspectRaftLog(directory, ({ index }) => seen.push(index));
  assert.deepEqual(report.faults, []);
  assert.deepEqual([report.firstIndex, report.boundary.index], [4, 3]);
  assert.deepEqual(seen, [4, 5]);
  assert.deepEqual(report.membership.voters, [VOTER]);
});

test("damage is found and told, and what lies in front of it is still read", (directory) => {
  written(directory).close();
  const path = join(directory, RAFT_LOG_FILES.database);
  const bytes = Deno.readFileSync(path);
  // In the second row: the name of the last job's type.
  const needle = encodeCommand(submit("c"));
  const at = findLast(bytes, needle);
  bytes[at + needle.length - 20]! ^= 1;
  Deno.writeFileSync(path, bytes);
  const seen: number[] = [];
  const report = inspectRaftLog(directory, ({ index }) => seen.push(index));
  assert.equal(report.faults.length, 1);
  assert.match(report.faults[0]!, /entries 4 to 5 fail their hash/);
  assert.ok(report.faults[0]!.includes(path), "the fault names the file, not its copy");
  assert.deepEqual(seen, [1, 2, 3]);
});

test("a lost commit, a missing marker and a missing log are told", (directory) => {
  const log = written(directory);
  const marker = join(directory, RAFT_LOG_FILES.marker);
  log.close();
  const old = Deno.readFileSync(join(directory, RAFT_LOG_FILES.database));
  const again = SqliteRaftLog.open(directory, {});
  again.append([{ index: 6, term: 2, kind: "noop", data: new Uint8Array(0) }], {
    term: 2,
    vote: "n1",
    commit: 5,
  });
  again.close();
  const newer = Deno.readFileSync(join(directory, RAFT_LOG_FILES.database));
  Deno.writeFileSync(join(directory, RAFT_LOG_FILES.database), old);
  // The journal has what the old copy lacks.
  const caughtUp = inspectRaftLog(directory);
  assert.deepEqual(caughtUp.faults, []);
  assert.deepEqual([caughtUp.lastIndex, caughtUp.journalCommits], [6, 1]);
  const journal = join(directory, RAFT_LOG_FILES.journal);
  const whole = Deno.readFileSync(journal);
  Deno.removeSync(journal);
  assert.match(inspectRaftLog(directory).faults[0]!, /its journal .* is missing/);
  const damaged = whole.slice();
  // The last record, behind the head, the start and the two appends.
  damaged[4 * 4096 + 100]! ^= 1;
  Deno.writeFileSync(journal, damaged);
  assert.match(inspectRaftLog(directory).faults[0]!, /has lost its last 1 commits/);
  Deno.writeFileSync(journal, whole);
  Deno.writeFileSync(join(directory, RAFT_LOG_FILES.database), newer);
  Deno.removeSync(marker);
  assert.match(inspectRaftLog(directory).faults[0]!, /its marker .* is missing/);
  Deno.removeSync(join(directory, RAFT_LOG_FILES.database));
  assert.throws(() => inspectRaftLog(directory), /there is no ".*raft\.db"/);
});

test("a command of a newer program is told of and does not end the reading", () => {
  const entry: Entry = { index: 9, term: 1, kind: "command", data: new Uint8Array([200, 1]) };
  assert.equal(contentOf(entry).kind, "unreadable");
});

test("a state is counted, and a backup of it only if its digest is right", (directory) => {
  const store = SqliteJobStore.open(directory, { clusterId: "c1" });
  const machine = new JobMachine(store);
  machine.apply(submit("a"), { index: 7, term: 2 });
  machine.apply(submit("b"), { index: 8, term: 2 });
  machine.apply(
    { kind: "cancel", atMs: 2_000, jobIds: ["a"], reason: "", by: "ann" },
    { index: 9, term: 2 },
  );
  machine.checkpoint();
  store.close();
  const path = join(directory, JOB_STORE_FILE);
  const before = bytesIn(directory);
  const { state, kind } = inspectSnapshot(path);
  assert.deepEqual(bytesIn(directory), before);
  assert.equal(kind, "snapshot");
  assert.deepEqual(state.applied, { index: 9, term: 2 });
  assert.equal(state.clusterId, "c1");
  assert.deepEqual([state.unfinishedJobs, state.finishedJobs], [1, { cancelled: 1 }]);
  assert.equal(state.integrity, "ok");

  const bytes = Deno.readFileSync(path);
  const writer = new BackupWriter();
  const parts = [
    writer.head({
      clusterId: "c1",
      nodeId: "n1",
      version: "1",
      createdAtMs: 0,
      index: 9,
      term: 2,
      stateBytes: bytes.length,
      members: ["n1"],
    }),
    writer.body(bytes),
    writer.end(),
  ];
  const backup = join(directory, "backup");
  Deno.writeFileSync(backup, new Uint8Array(parts.flatMap((part) => [...part])));
  const report = inspectSnapshot(backup);
  assert.equal(report.head?.nodeId, "n1");
  assert.deepEqual(report.state, state);

  const damaged = Deno.readFileSync(backup);
  damaged[damaged.length >> 1]! ^= 1;
  Deno.writeFileSync(backup, damaged);
  assert.throws(() => inspectSnapshot(backup), /its digest is not that of its bytes/);
  Deno.writeTextFileSync(backup, "neither");
  assert.throws(() => inspectSnapshot(backup), /file is not a database/);
});

/** Where `needle` stands last. */
function findLast(bytes: Uint8Array, needle: Uint8Array): number {
  for (let at = bytes.length - needle.length; at >= 0; at--) {
    if (needle.every((byte, offset) => bytes[at + offset] === byte)) return at;
  }
  throw new Error("it is not there");
}
