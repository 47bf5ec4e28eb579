/** Restores and recoveries, offline: what is kept, what is fenced, what is refused. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Command, JobMachine, type LogPosition, type Outcome } from "../jobs/mod.ts";
import { type Entry, foundCluster } from "../raft/mod.ts";
import {
  BackupWriter,
  encodeCommand,
  JOB_STORE_FILE,
  JOB_STORE_MARKER,
  SqliteJobStore,
  SqliteRaftLog,
} from "../storage/mod.ts";
import { inspectSurvivor, isRecovering, recoverSurvivor } from "./recover.ts";
import { REFOUNDING_GAP } from "./refound.ts";
import { isRestoring, restoreBackup } from "./restore.ts";

const CLUSTER = "old-cluster";
const ADDRESS = { raft: "127.0.0.1:7000", grpc: "127.0.0.1:9000" };

/** A master's files, written by hand: each command is one entry of term 3. */
class Files {
  readonly directory = Deno.makeTempDirSync();
  readonly raftDir = join(this.directory, "raft");
  readonly dataDir = join(this.directory, "data");
  index = 1;

  constructor() {
    const identity = { clusterId: CLUSTER, nodeId: "m1", incarnation: "old" };
    const log = SqliteRaftLog.create(this.raftDir, identity);
    const voters = ["m1", "m2", "m3"].map((id) => ({ id, address: id, incarnation: `${id}1` }));
    foundCluster(log, voters);
    log.close();
    Deno.mkdirSync(this.dataDir);
    SqliteJobStore.open(this.dataDir, { clusterId: CLUSTER }).close();
  }

  /** To the log and, if `applied`, to the state. */
  write(commands: readonly Command[], { applied }: { readonly applied: boolean }): Outcome[] {
    const log = SqliteRaftLog.open(this.raftDir, {});
    const entries = commands.map((command): Entry => ({
      index: ++this.index,
      term: 3,
      kind: "command",
      data: encodeCommand(command),
    }));
    log.append(entries, { term: 3, vote: null, commit: this.index - 1 });
    log.close();
    if (!applied) return [];
    return this.inMachine((machine) =>
      commands.map((command, position) =>
        machine.apply(command, { index: this.index - commands.length + 1 + position, term: 3 })
      )
    );
  }

  inMachine<Answer>(use: (machine: JobMachine) => Answer): Answer {
    const store = SqliteJobStore.open(this.dataDir);
    try {
      const machine = new JobMachine(store);
      const answer = use(machine);
      machine.checkpoint();
      return answer;
    } finally {
      store.close();
    }
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

function submit(id: string): Command {
  const times = { priority: 5, maxRetries: 3, timeoutMs: 60_000, retryDelayMs: 100 };
  const job = { id, type: "t", payload: new Uint8Array([1]), ...times };
  return { kind: "submit", atMs: 1_000, jobs: [job] };
}

function register(sessionId: string): Command {
  const worker = { id: "w1", sessionId, address: "", slots: 4, jobTypes: ["t"], tags: {} };
  return { kind: "register_worker", atMs: 1_000, worker: { ...worker, version: "" } };
}

function assign(jobId: string, sessionId = "s1"): Command {
  return { kind: "assign", atMs: 1_000, assignments: [{ jobId, workerId: "w1", sessionId }] };
}

function completed(jobId: string, token: number): Command {
  const report = { jobId, token, workerId: "w1", output: new Uint8Array(0) };
  return {
    kind: "report",
    atMs: 2_000,
    reports: [{ kind: "completed", ...report, contentType: "", durationMs: 1 }],
  };
}

/** What the machine in `dataDir` says to a report and to a new assignment of `jobId`. */
function afterwards(dataDir: string, jobId: string, oldToken: number) {
  const store = SqliteJobStore.open(dataDir);
  try {
    const machine = new JobMachine(store);
    let at: LogPosition = machine.applied;
    const apply = (command: Command) => {
      at = { index: at.index + 1, term: at.term };
      return machine.apply(command, at);
    };
    const report = apply(completed(jobId, oldToken));
    apply(register("s2"));
    const assigned = apply(assign(jobId, "s2"));
    return { report, assigned, job: machine.get(jobId) };
  } finally {
    store.close();
  }
}

/** A backup of the files' state. */
function backupOf(files: Files): string {
  const path = join(files.directory, "backup");
  const state = Deno.readFileSync(join(files.dataDir, JOB_STORE_FILE));
  const writer = new BackupWriter();
  const head = writer.head({
    clusterId: CLUSTER,
    nodeId: "m1",
    version: "1",
    createdAtMs: 0,
    index: files.index,
    term: 3,
    stateBytes: state.length,
    members: [],
  });
  Deno.writeFileSync(path, new Uint8Array([...head, ...writer.body(state), ...writer.end()]));
  return path;
}

Deno.test("C13: a restored cluster has a new identity, and hands out no token twice", () => {
  using files = new Files();
  files.write([submit("j1"), register("s1"), assign("j1")], { applied: true });
  const heldToken = files.index;
  const backup = backupOf(files);
  const place = {
    nodeId: "n1",
    raftDir: join(files.directory, "new", "raft"),
    dataDir: join(files.directory, "new"),
    address: ADDRESS,
  };
  const restored = restoreBackup(backup, place);
  assert.equal(restored.index, files.index + REFOUNDING_GAP);
  assert.equal(restored.releasedAttempts, 1);
  assert.notEqual(restored.clusterId, CLUSTER);
  const log = SqliteRaftLog.open(place.raftDir, { nodeId: "n1", clusterId: restored.clusterId });
  assert.equal(log.lastIndex, restored.index);
  assert.deepEqual(log.boundary.membership.voters.map((each) => each.address), [
    "127.0.0.1:7000/127.0.0.1:9000",
  ]);
  assert.ok(log.hardState.term > 3);
  log.close();
  assert.throws(() => SqliteJobStore.open(place.dataDir, { clusterId: CLUSTER }), /old-cluster/);

  const { report, assigned, job } = afterwards(place.dataDir, "j1", heldToken);
  assert.ok(report.kind === "report" && report.results[0]?.status === "refused");
  assert.ok(assigned.kind === "assign" && assigned.results[0]?.status === "assigned");
  assert.ok(assigned.results[0].token > heldToken + 1e12, "the old cluster may have gone on");
  assert.equal(job?.status, "assigned");
  assert.equal(existsSync(join(place.dataDir, "restoring")), false);
});

Deno.test("a damaged backup and a directory that is not empty are refused, and nothing is touched", () => {
  using files = new Files();
  files.write([submit("j1")], { applied: true });
  const backup = backupOf(files);
  const place = {
    nodeId: "n1",
    raftDir: join(files.directory, "new", "raft"),
    dataDir: join(files.directory, "new"),
    address: ADDRESS,
  };
  const bytes = Deno.readFileSync(backup);
  bytes[bytes.length - 100] = bytes[bytes.length - 100]! ^ 1;
  Deno.writeFileSync(`${backup}.damaged`, bytes);
  assert.throws(() => restoreBackup(`${backup}.damaged`, place), /damaged or not whole/);
  assert.equal(existsSync(place.dataDir), false);

  Deno.mkdirSync(place.dataDir);
  Deno.writeTextFileSync(join(place.dataDir, "precious"), "");
  assert.throws(() => restoreBackup(backup, place), /is not empty \(it holds "precious"\)/);
  assert.deepEqual([...Deno.readDirSync(place.dataDir)].map((each) => each.name), ["precious"]);
});

Deno.test("a backup of which a row is damaged is refused though its digest is right, and nothing is left", () => {
  using files = new Files();
  files.write([submit("j1")], { applied: true });
  const path = join(files.dataDir, JOB_STORE_FILE);
  const database = new DatabaseSync(path);
  database.exec("UPDATE live_pages SET checksum = checksum - 1");
  database.close();
  const place = placeIn(files);
  assert.throws(() => restoreBackup(backupOf(files), place), {
    name: "BackupRefused",
    message: /is whole, but the state in it was damaged when it was taken \(the page of jobs from/,
  });
  assert.equal(existsSync(place.dataDir), false);
});

Deno.test("a restore that was killed at any moment is repeated by the same command", () => {
  using files = new Files();
  files.write([submit("j1")], { applied: true });
  const backup = backupOf(files);
  const place = placeIn(files);
  const [work, logWork] = [join(place.dataDir, "restoring"), join(place.raftDir, "restoring")];
  const before = () => {
    Deno.mkdirSync(work, { recursive: true });
    Deno.writeTextFileSync(join(work, JOB_STORE_FILE), "half of it");
  };
  const refounded = () => {
    before();
    Deno.mkdirSync(logWork, { recursive: true });
    Deno.writeTextFileSync(join(logWork, "raft.db"), "some of it");
  };
  const moved = () => {
    refounded();
    Deno.writeTextFileSync(join(work, "moving"), "");
    Deno.renameSync(join(work, JOB_STORE_FILE), join(place.dataDir, JOB_STORE_FILE));
    Deno.renameSync(join(logWork, "raft.db"), join(place.raftDir, "raft.db"));
  };
  for (const leave of [before, refounded, moved]) {
    leave();
    assert.ok(isRestoring(place));
    restoreBackup(backup, place);
    assert.equal(isRestoring(place), false);
    assert.deepEqual([...Deno.readDirSync(place.dataDir)].map((each) => each.name).sort(), [
      "raft",
      JOB_STORE_FILE,
      JOB_STORE_MARKER,
    ]);
    SqliteRaftLog.open(place.raftDir, { nodeId: "n1" }).close();
    Deno.removeSync(place.dataDir, { recursive: true });
  }
});

Deno.test("a restore into a directory in which another one is at work is refused, and takes nothing of it away", () => {
  using files = new Files();
  files.write([submit("j1")], { applied: true });
  const backup = backupOf(files);
  const place = placeIn(files);
  const work = join(place.dataDir, "restoring");
  Deno.mkdirSync(work, { recursive: true });
  Deno.writeTextFileSync(join(work, JOB_STORE_FILE), "half of it");
  const other = Deno.openSync(join(work, "lock"), { create: true, write: true });
  assert.ok(other.tryLockSync(true));
  assert.throws(
    () => restoreBackup(backup, place),
    /^Error: another restore into ".*" is under way; wait until it has ended, and see what it says$/,
  );
  assert.equal(Deno.readTextFileSync(join(work, JOB_STORE_FILE)), "half of it");
  other.close();
  restoreBackup(backup, place);
  assert.equal(isRestoring(place), false);
});

Deno.test("beside what a killed restore left anything else is refused, and both stay", () => {
  using files = new Files();
  files.write([submit("j1")], { applied: true });
  const backup = backupOf(files);
  const place = placeIn(files);
  Deno.mkdirSync(join(place.dataDir, "restoring"), { recursive: true });
  Deno.writeTextFileSync(join(place.dataDir, JOB_STORE_FILE), "not the restore's");
  assert.throws(() => restoreBackup(backup, place), /is not empty \(it holds "state\.db"\)/);
  assert.deepEqual([...Deno.readDirSync(place.dataDir)].map((each) => each.name).sort(), [
    "restoring",
    JOB_STORE_FILE,
  ]);
});

function placeIn(files: Files) {
  return {
    nodeId: "n1",
    raftDir: join(files.directory, "new", "raft"),
    dataDir: join(files.directory, "new"),
    address: ADDRESS,
  };
}

Deno.test("a survivor goes on alone with all of its log, and fences what the lost ones may have done", async () => {
  using files = new Files();
  files.write([submit("j1"), register("s1"), assign("j1")], { applied: true });
  const heldToken = files.index;
  files.write([submit("j2")], { applied: false });
  const survivor = inspectSurvivor(files);
  assert.equal(survivor.nodeId, "m1");
  assert.equal(survivor.lastIndex, files.index);
  assert.equal(survivor.commitIndex, files.index - 1);
  assert.deepEqual(survivor.membership.voters.map((each) => each.id), ["m1", "m2", "m3"]);
  const recovered = await recoverSurvivor(files);
  assert.equal(recovered.liveJobs, 2, "the entry that was not applied is kept");
  const log = SqliteRaftLog.open(files.raftDir, { nodeId: "m1", clusterId: recovered.clusterId });
  assert.notEqual(log.identity.incarnation, "old");
  assert.deepEqual(log.boundary.membership.voters.map((each) => each.id), ["m1"]);
  assert.equal(log.boundary.membership.voters[0]?.incarnation, log.identity.incarnation);
  assert.ok(log.lastIndex >= files.index + REFOUNDING_GAP);
  log.close();
  const { report, assigned } = afterwards(files.dataDir, "j1", heldToken);
  assert.ok(report.kind === "report" && report.results[0]?.status === "refused");
  assert.ok(assigned.kind === "assign" && assigned.results[0]?.status === "assigned");
  for (const directory of [files.dataDir, files.raftDir]) {
    assert.ok(existsSync(join(directory, recovered.putAside)), "the old files are there");
  }
});

Deno.test("a recovery that was cut short amid its renames is finished by the same command", async () => {
  using files = new Files();
  files.write([submit("j1")], { applied: true });
  const work = join(files.dataDir, "recovery");
  // Files change places one by one; here the first was moved and then the power went.
  const first = await recoverSurvivor(files);
  const plan = {
    putAside: first.putAside,
    refounded: first,
    survivor: { ...inspectSurvivor(files), nodeId: "m1" },
  };
  Deno.mkdirSync(work);
  Deno.mkdirSync(join(files.raftDir, "recovery"));
  Deno.writeTextFileSync(join(work, "plan.json"), JSON.stringify(plan));
  for (const name of ["raft.db", "raft.marker"]) {
    const path = join(files.raftDir, name);
    Deno.renameSync(path, join(files.raftDir, "recovery", name));
    Deno.renameSync(join(files.raftDir, first.putAside, name), path);
  }
  assert.equal(isRecovering(files), true);
  assert.equal(inspectSurvivor(files).isUnfinished, true);
  const second = await recoverSurvivor(files);
  assert.equal(second.clusterId, first.clusterId);
  assert.equal(isRecovering(files), false);
  SqliteRaftLog.open(files.raftDir, { clusterId: first.clusterId }).close();
  SqliteJobStore.open(files.dataDir, { clusterId: first.clusterId }).close();
});

Deno.test("a state that the log does not reach back to is not recovered from, and is left as it was", async () => {
  using files = new Files();
  files.write([submit("j1"), submit("j2"), submit("j3")], { applied: true });
  const log = SqliteRaftLog.open(files.raftDir, {});
  const membership = { voters: [{ id: "m1", address: "", incarnation: "old" }], learners: [] };
  log.compact({ index: 3, term: 3, membership });
  log.close();
  Deno.removeSync(files.dataDir, { recursive: true });
  Deno.mkdirSync(files.dataDir);
  await assert.rejects(recoverSurvivor(files), /the state stands at entry 0.*another survivor/);
  assert.equal(isRecovering(files), false);
  SqliteRaftLog.open(files.raftDir, { clusterId: CLUSTER }).close();
});
