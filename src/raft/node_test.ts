/** The driver: group commit, promises kept and broken, full disks, strangers. */

import assert from "node:assert/strict";
import { crc32 } from "./crc32.ts";
import type { Entry, HardState, SnapshotMetadata } from "./entry.ts";
import { MemoryLog } from "./memory_log.ts";
import type { Message } from "./message.ts";
import { RaftNode } from "./node.ts";
import { DiskFull } from "./ports.ts";
import type { SnapshotPort, StateMachine } from "./ports.ts";
import { ProposalRefused, ReadRefused } from "./refusal.ts";
import { foundCluster } from "./start.ts";

/** Counts what reaches it, and fails when told to. */
class WatchedLog extends MemoryLog {
  appends = 0;
  failure: Error | undefined;

  override append(entries: readonly Entry[], hardState: HardState): void {
    if (this.failure !== undefined) throw this.failure;
    this.appends++;
    super.append(entries, hardState);
  }
}

/** Answers each command with its text. */
class Echo implements StateMachine<string> {
  appliedIndex = 0;
  batches = 0;
  leisures = 0;
  snapshots?: SnapshotPort;

  get durableAppliedIndex(): number {
    return this.appliedIndex;
  }

  atLeisure(): void {
    this.leisures++;
  }

  apply(entries: readonly Entry[], throughIndex: number): readonly string[] {
    this.batches++;
    this.appliedIndex = throughIndex;
    return entries.map(({ data }) => new TextDecoder().decode(data));
  }
}

function makeNode(voters = ["a"], { takesSnapshots = false } = {}) {
  const log = new WatchedLog();
  foundCluster(log, voters.map((id) => ({ id, address: "", incarnation: `${id}1` })));
  const stateMachine = new Echo();
  if (takesSnapshots) stateMachine.snapshots = snapshotsInto(stateMachine);
  const sent: Message[] = [];
  const seen = {
    failed: [] as unknown[],
    refused: [] as string[],
    full: [] as boolean[],
    leaders: [] as (string | undefined)[],
  };
  let turn: (() => void)[] = [];
  const pauses: (() => void)[] = [];
  const node = new RaftNode<string>({
    id: "a",
    incarnation: "a1",
    timings: { electionTicks: 10, heartbeatTicks: 1, spares: "later" },
    log,
    stateMachine,
    transport: { send: (messages) => sent.push(...messages) },
    random: () => 0,
    defer: (run) => turn.push(run),
    pause: (run) => pauses.push(run),
    observer: {
      failed: (error) => seen.failed.push(error),
      messageRefused: (_, reason) => seen.refused.push(reason),
      diskFullChanged: (full) => seen.full.push(full),
      roleChanged: ({ leaderId }) => seen.leaders.push(leaderId),
    },
  });
  /** Ends the turn of the event loop. */
  const endTurn = () => {
    const due = turn;
    turn = [];
    for (const run of due) run();
  };
  return { node, log, stateMachine, sent, seen, pauses, endTurn };
}

function leading() {
  const all = makeNode();
  all.node.campaign();
  all.endTurn();
  assert.equal(all.node.isLeader, true);
  return all;
}

/** It leads "b", which has what it has so far. */
function leadingBeside() {
  const all = makeNode(["a", "b"]);
  const { node, endTurn } = all;
  node.campaign();
  endTurn();
  const envelope = { from: "b", to: "a", toIncarnation: "a1" };
  const answer = (message: Partial<Message>) => node.step({ ...envelope, ...message } as Message);
  answer({ kind: "vote_response", term: node.status().term + 1, pre: true, granted: true });
  endTurn();
  const { term } = node.status();
  answer({ kind: "vote_response", term, pre: false, granted: true });
  for (let turn = 0; turn < 3; turn++) endTurn();
  answer({ kind: "append_accepted", term, match: node.status().lastIndex });
  endTurn();
  return { ...all, answer };
}

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("proposals of one turn share one append and one apply, and have their own outcomes", async () => {
  const { node, log, stateMachine, endTurn } = leading();
  const [appends, batches] = [log.appends, stateMachine.batches];
  const outcomes = Promise.all(["x", "y", "z"].map((text) => node.propose(bytes(text))));
  endTurn();
  assert.deepEqual(await outcomes, ["x", "y", "z"]);
  assert.deepEqual([log.appends - appends, stateMachine.batches - batches], [1, 1]);
});

Deno.test("a spare gets the last entry after some pauses, though nothing comes after it", () => {
  const { node, sent, pauses, endTurn } = makeNode(["a", "b", "c"]);
  const answer = (from: string, message: Partial<Message>) =>
    node.step({ from, to: "a", toIncarnation: "a1", ...message } as Message);
  node.campaign();
  endTurn();
  answer("b", { kind: "vote_response", term: node.status().term + 1, pre: true, granted: true });
  endTurn();
  const { term } = node.status();
  answer("b", { kind: "vote_response", term, pre: false, granted: true });
  for (let turn = 0; turn < 3; turn++) endTurn();
  const acknowledge = (from: string) => {
    answer(from, { kind: "append_accepted", term, match: node.status().lastIndex });
    for (let turn = 0; turn < 3; turn++) endTurn();
  };
  acknowledge("b");
  acknowledge("c");
  const before = sent.length;
  node.propose(bytes("x"));
  for (let turn = 0; turn < 3; turn++) endTurn();
  acknowledge("b");
  const served = () =>
    sent.slice(before).flatMap((each) =>
      each.kind === "append_request" && each.entries.length > 0 ? [each.to] : []
    );
  assert.deepEqual(served(), ["b"]);
  for (let passed = 0; served().length < 2; passed++) {
    assert.ok(passed < 10, "no pause is made any more");
    for (const pass of pauses.splice(0)) pass();
    endTurn();
  }
  assert.deepEqual(served(), ["b", "c"]);
  for (const pass of pauses.splice(0)) pass();
  endTurn();
  assert.equal(pauses.length, 0, "nobody lacks anything, so no more pauses are made");
});

/** Snapshots that are taken over as they come. */
function snapshotsInto(stateMachine: Echo): SnapshotPort {
  return {
    create: () => Promise.reject(new Error("It makes none")),
    receive(_, { index }) {
      let receivedBytes = 0;
      return {
        get receivedBytes() {
          return receivedBytes;
        },
        write: (data) => receivedBytes += data.byteLength,
        fault: () => Promise.resolve(undefined),
        install: () => stateMachine.appliedIndex = index,
        discard() {},
      };
    },
  };
}

Deno.test("a log is not compacted while a snapshot waits for the end of the turn that takes its place", async () => {
  const { node, stateMachine, seen, endTurn } = makeNode(["a", "b", "c"], { takesSnapshots: true });
  const hear = (message: Partial<Message>) =>
    node.step({ from: "b", to: "a", toIncarnation: "a1", term: 2, ...message } as Message);
  hear({ kind: "heartbeat_request", commit: 1, readRound: 0 });
  endTurn();
  endTurn();
  assert.equal(stateMachine.appliedIndex, 1);
  const voters = ["a", "b", "c"].map((id) => ({ id, address: "", incarnation: `${id}1` }));
  const snapshot: SnapshotMetadata = { index: 7, term: 2, membership: { voters, learners: [] } };
  const data = bytes("all");
  const whole = { transferId: "t", totalBytes: data.byteLength, offsetBytes: 0 };
  hear({ kind: "snapshot_chunk", snapshot, data, checksum: crc32(data), ...whole });
  await new Promise((resolve) => setImmediate(resolve)); // it was looked through
  assert.equal(node.compactNow(), 0);
  endTurn();
  assert.deepEqual([stateMachine.appliedIndex, node.compactNow()], [7, 7]);
  assert.deepEqual([seen.failed, seen.refused], [[], []]);
});

Deno.test("of a log that is cut to its end the last command is left, which tells the next leader what may be written", async () => {
  const { node, log, endTurn } = makeNode(["a"], { takesSnapshots: true });
  node.campaign();
  endTurn();
  const outcomes = Promise.all([node.propose(bytes("x")), node.propose(bytes("y"))]);
  endTurn();
  assert.deepEqual(await outcomes, ["x", "y"]);
  const { lastIndex } = log;
  assert.equal(node.compactNow(), lastIndex - 1);
  const left = log.entries(lastIndex, lastIndex, 1_000);
  assert.deepEqual(left.map(({ kind, data }) => [kind, new TextDecoder().decode(data)]), [[
    "command",
    "y",
  ]]);
  assert.equal(node.compactNow(), lastIndex - 1, "it stays for good");
});

Deno.test("thesis §10.2.1: what followers are to write leaves a turn before the leader's own write", async () => {
  const { node, log, sent, stateMachine, endTurn, answer } = leadingBeside();
  const [appends, messages, leisures] = [log.appends, sent.length, stateMachine.leisures];
  const outcome = node.propose(bytes("x"));
  endTurn();
  assert.deepEqual([log.appends - appends, sent.length - messages], [0, 1]);
  assert.equal(stateMachine.leisures, leisures);
  // Even if the follower is faster, the leader answers only when it has written too.
  answer({
    kind: "append_accepted",
    term: node.status().term,
    match: node.status().lastIndex,
  });
  assert.equal(node.status().appliedIndex, node.status().lastIndex - 1);
  endTurn();
  assert.equal(log.appends - appends, 1);
  assert.equal(await outcome, "x");
  assert.equal(stateMachine.leisures, leisures, "a caller waited for it");
});

Deno.test("nobody waits for a leader while others are still to write what it has written", () => {
  const { node, stateMachine, endTurn } = leadingBeside();
  const { leisures } = stateMachine;
  node.propose(bytes("x")).catch(() => {});
  endTurn();
  assert.equal(stateMachine.leisures, leisures, "it is still to write it, too");
  endTurn();
  assert.equal(stateMachine.leisures, leisures + 1);
  endTurn();
  assert.equal(stateMachine.leisures, leisures + 1);
});

Deno.test("a follower acknowledges a turn before it applies, for its leader waits for that alone", () => {
  const { node, log, sent, stateMachine, endTurn } = makeNode(["a", "b"]);
  const command = (index: number): Entry => ({ index, term: 1, kind: "command", data: bytes("x") });
  const append = (entries: readonly Entry[], commit: number) => {
    const prevIndex = entries[0]!.index - 1;
    const envelope = { from: "b", to: "a", toIncarnation: "a1", term: 1 };
    const prevTerm = prevIndex > log.boundary.index ? 1 : log.boundary.term;
    node.step({ kind: "append_request", ...envelope, prevIndex, prevTerm, entries, commit });
  };
  endTurn();
  const first = node.status().lastIndex + 1;
  append([command(first)], first - 1);
  for (let turn = 0; turn < 2; turn++) endTurn();
  const { leisures } = stateMachine;
  append([command(first + 1)], first);
  endTurn();
  assert.deepEqual(sent.map((each) => each.kind), ["append_accepted", "append_accepted"]);
  assert.equal(log.lastIndex, first + 1);
  assert.equal(stateMachine.appliedIndex, first - 1);
  assert.equal(stateMachine.leisures, leisures);
  // What comes meanwhile is not applied before it.
  append([command(first + 2)], first + 1);
  endTurn();
  endTurn();
  assert.equal(stateMachine.appliedIndex, first + 1);
  assert.equal(sent.length, 3);
  assert.equal(stateMachine.leisures, leisures + 1, "nobody waits for what it has applied");
});

Deno.test("a state machine is told when nobody waits for its node: never of one that leads alone", async () => {
  const { node, stateMachine, endTurn } = leading();
  const outcome = node.propose(bytes("x"));
  endTurn();
  assert.equal(await outcome, "x");
  assert.equal(stateMachine.leisures, 0);
});

Deno.test("a node that does not lead refuses proposals and reads, and says so", async () => {
  const { node } = makeNode(["a", "b"]);
  await assert.rejects(node.propose(bytes("x")), (error: unknown) => {
    return error instanceof ProposalRefused && error.reason === "not_leader";
  });
  await assert.rejects(node.readIndex(), ReadRefused);
});

Deno.test("a read waits until what was committed before it is applied", async () => {
  const { node, stateMachine, endTurn } = leading();
  const write = node.propose(bytes("x"));
  const read = node.readIndex();
  endTurn();
  await write;
  assert.ok(stateMachine.appliedIndex >= await read);
});

Deno.test("a message for another incarnation of this node is refused", () => {
  const { node, seen } = makeNode(["a", "b"]);
  node.step({
    kind: "heartbeat_request",
    from: "b",
    to: "a",
    toIncarnation: "a0",
    term: 9,
    commit: 0,
    readRound: 0,
  });
  assert.match(seen.refused[0] ?? "", /whose disk this is not/);
  assert.equal(node.status().term, 1);
});

Deno.test("an answer goes to the incarnation that asked, whatever this node's log knows of it", () => {
  const { node, sent, endTurn } = makeNode(["a", "b"]);
  const request = {
    kind: "append_request",
    from: "b",
    to: "a",
    toIncarnation: "a1",
    term: 9,
    prevIndex: 7,
    prevTerm: 7,
    entries: [],
    commit: 0,
  } as const;
  for (const incarnation of ["b1", "b2", ""]) node.step(request, incarnation);
  endTurn();
  const answers = sent.filter((each) => each.kind === "append_rejected");
  assert.deepEqual(answers.map((each) => each.toIncarnation), ["b2", "b2", "b2"]);
});

for (
  const [what, fields] of [
    ["a term beyond all counting", { term: 2 ** 53 }],
    ["a negative index", { prevIndex: -1 }],
    ["a fraction", { commit: 1.5 }],
    ["entries that leave a gap", {
      entries: [{ index: 7, term: 1, kind: "noop" as const, data: new Uint8Array() }],
    }],
  ] as const
) {
  Deno.test(`a message with ${what} is refused and harms nothing`, () => {
    const { node, seen } = makeNode(["a", "b"]);
    const envelope = { from: "b", to: "a", toIncarnation: "", term: 2 };
    const base = { prevIndex: 1, prevTerm: 1, entries: [], commit: 0 };
    node.step({ kind: "append_request", ...envelope, ...base, ...fields });
    assert.equal(seen.refused.length, 1);
    assert.equal(seen.failed.length, 0);
  });
}

Deno.test("with a full disk a node gives up leadership, and goes on when there is room", async () => {
  const { node, log, seen, endTurn } = leading();
  log.failure = new DiskFull("full");
  const lost = node.propose(bytes("x"));
  endTurn();
  await assert.rejects(
    lost,
    (error: unknown) => error instanceof ProposalRefused && error.reason === "outcome_unknown",
  );
  assert.equal(node.isLeader, false);
  await assert.rejects(
    node.propose(bytes("y")),
    (error: unknown) => error instanceof ProposalRefused && error.reason === "disk_full",
  );
  await assert.rejects(
    node.readIndex(),
    (error: unknown) => error instanceof ReadRefused && error.reason === "disk_full",
  );
  log.failure = undefined;
  for (let tick = 0; tick < 30; tick++) {
    node.tick();
    endTurn();
  }
  assert.deepEqual(seen.full, [true, false]);
  const outcome = node.propose(bytes("z"));
  endTurn();
  assert.equal(await outcome, "z");
});

Deno.test("a follower with a full disk lets no read wait, and says that its leader was lost", async () => {
  const { node, log, seen, endTurn } = makeNode(["a", "b", "c"]);
  const envelope = { from: "b", to: "a", toIncarnation: "a1", term: 2 };
  node.step({ kind: "heartbeat_request", ...envelope, commit: 0, readRound: 0 });
  endTurn();
  const read = node.readIndex();
  log.failure = new DiskFull("full");
  const entry: Entry = { index: 2, term: 2, kind: "command", data: bytes("x") };
  const append = { prevIndex: 1, prevTerm: 1, entries: [entry], commit: 0 };
  node.step({ kind: "append_request", ...envelope, ...append });
  endTurn();
  const isFull = (error: unknown) => error instanceof ReadRefused && error.reason === "disk_full";
  await assert.rejects(read, isFull);
  await assert.rejects(node.readIndex(), isFull);
  assert.equal(node.leaderId, "b", "others may go on with it");
  node.reportUnreachable("b");
  endTurn();
  assert.deepEqual(seen.leaders, ["b", undefined]);
  // Whom it may pass calls on to it hears all the same, and gives up again.
  const heartbeat = (from: string, term: number) => {
    const beat = { commit: 0, readRound: 0 };
    node.step({ kind: "heartbeat_request", ...envelope, ...beat, from, term });
    endTurn();
  };
  heartbeat("c", 1);
  assert.equal(node.leaderId, undefined, "that one was deposed");
  heartbeat("b", 2);
  heartbeat("c", 3);
  heartbeat("b", 2);
  assert.deepEqual([node.leaderId, node.status().leaderId, node.status().term], ["c", "c", 2]);
  node.reportUnreachable("c");
  endTurn();
  assert.deepEqual(seen.leaders, ["b", undefined, "b", "c", undefined]);
  log.failure = undefined;
  for (let tick = 0; tick < 30; tick++) {
    node.tick();
    endTurn();
  }
  assert.deepEqual(seen.full, [true, false]);
});

Deno.test("any other failure of the disk ends the node, and leaves outcomes unknown", async () => {
  const { node, log, seen, endTurn } = leading();
  const failure = new Error("fsync: EIO");
  log.failure = failure;
  const lost = node.propose(bytes("x"));
  endTurn();
  await assert.rejects(
    lost,
    (error: unknown) => error instanceof ProposalRefused && error.reason === "outcome_unknown",
  );
  assert.deepEqual(seen.failed, [failure]);
  await assert.rejects(
    node.propose(bytes("y")),
    (error: unknown) => error instanceof ProposalRefused && error.reason === "stopped",
  );
});

Deno.test("a node that stops breaks its promises with a reason", async () => {
  const { node } = leading();
  const lost = node.propose(bytes("x"));
  node.stop();
  await assert.rejects(lost, ProposalRefused);
  await assert.rejects(node.readIndex(), ReadRefused);
});
