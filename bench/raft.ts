/**
 * `deno task bench:raft`: what consensus costs. First the core alone (three cores in one process, no
 * disk), then one node on its real log with one append a batch (one fsync, whose price comes first),
 * then the restart on a long log. With `--short` it takes seconds, and shows only that it runs.
 *
 * @module
 */

import { join } from "node:path";
import { MemoryLog, RaftNode } from "../src/raft/mod.ts";
import type { LogStore, Message, StateMachine } from "../src/raft/mod.ts";
import { foundCluster } from "../src/raft/mod.ts";
import { SqliteRaftLog } from "../src/storage/raft_log.ts";

const ENTRY_BYTES = 200;
/** Parts of the work that are left out. */
const SHARE = Deno.args.includes("--short") ? 0.01 : 1;

/** A state machine that only counts. */
class Counter implements StateMachine<number> {
  appliedIndex = 0;

  get durableAppliedIndex(): number {
    return this.appliedIndex;
  }

  apply(entries: readonly { readonly index: number }[], throughIndex: number): number[] {
    this.appliedIndex = throughIndex;
    return entries.map((entry) => entry.index);
  }
}

await main();

async function main(): Promise<void> {
  const rows: string[][] = [["one fdatasync of 4 KiB", "", measureSync().toFixed(2), "ms, median"]];
  for (const batch of [1, 10, 100, 1000]) {
    const perSecond = await measureCores(batch);
    rows.push(["three cores, no disk", String(batch), thousands(perSecond), "proposals/s"]);
  }
  for (const batch of [1, 10, 100, 1000]) {
    const { perSecond, msPerBatch } = await measureLog(batch);
    const what = `entries/s (${msPerBatch.toFixed(2)} ms a batch)`;
    rows.push(["one node, log on disk", String(batch), thousands(perSecond), what]);
  }
  for (const [batch, entries] of [[100, 1_000_000], [1, 50_000]] as const) {
    const { openMs, bytes } = measureRestart(batch, entries * SHARE);
    const what = `ms (${(bytes / 1e6).toFixed(0)} MB, every hash checked)`;
    rows.push([
      `restart, ${thousands(entries * SHARE)} entries`,
      String(batch),
      openMs.toFixed(0),
      what,
    ]);
  }
  console.log(`load ${Deno.loadavg()[0]?.toFixed(2)}\n`);
  printTable(["what", "batch", "result", "unit"], rows);
}

/** What the disk's promise costs by itself: no append can be faster than one of these. */
function measureSync(): number {
  const directory = Deno.makeTempDirSync({ prefix: "conductor-bench-" });
  const file = Deno.openSync(join(directory, "file"), { create: true, write: true });
  const page = new Uint8Array(4096).fill(1);
  const times = Array.from({ length: 200 }, () => {
    file.seekSync(0, Deno.SeekMode.Start);
    file.writeSync(page);
    const startedMs = performance.now();
    file.syncDataSync();
    return performance.now() - startedMs;
  });
  file.close();
  Deno.removeSync(directory, { recursive: true });
  return times.sort((a, b) => a - b)[times.length / 2]!;
}

function makeNode(id: string, log: LogStore, send: (messages: readonly Message[]) => void) {
  return new RaftNode<number>({
    id,
    incarnation: "",
    timings: { electionTicks: 10, heartbeatTicks: 1 },
    log,
    stateMachine: new Counter(),
    transport: { send },
    random: Math.random,
    defer: (run) => queueMicrotask(run),
    observer: {
      failed: (error) => {
        throw error;
      },
    },
  });
}

/** Three nodes that hand each other messages directly. Returns proposals a second. */
async function measureCores(batch: number): Promise<number> {
  const ids = ["a", "b", "c"];
  const nodes = new Map<string, RaftNode<number>>();
  for (const id of ids) {
    const log = new MemoryLog();
    foundCluster(log, ids.map((each) => ({ id: each, address: "", incarnation: "" })));
    const send = (messages: readonly Message[]) => {
      for (const message of messages) queueMicrotask(() => nodes.get(message.to)?.step(message));
    };
    nodes.set(id, makeNode(id, log, send));
  }
  const leader = nodes.get("a");
  if (leader === undefined) throw new Error("There is no node a");
  leader.campaign();
  await settled(() => leader.isLeader);
  const perSecond = await proposeFor(leader, batch, 150_000 * SHARE);
  for (const node of nodes.values()) node.stop();
  return perSecond;
}

/** One node on SQLite and marker: every batch is one append, durable before its promises resolve. */
async function measureLog(batch: number): Promise<{ perSecond: number; msPerBatch: number }> {
  const directory = Deno.makeTempDirSync({ prefix: "conductor-bench-" });
  const log = newLog(directory);
  const node = makeNode("a", log, () => {});
  node.campaign();
  await settled(() => node.isLeader);
  const perSecond = await proposeFor(node, batch, (batch === 1 ? 2_000 : batch * 1_500) * SHARE);
  node.stop();
  log.close();
  Deno.removeSync(directory, { recursive: true });
  return { perSecond, msPerBatch: 1000 * batch / perSecond };
}

function measureRestart(batch: number, count: number): { openMs: number; bytes: number } {
  const directory = Deno.makeTempDirSync({ prefix: "conductor-bench-" });
  const log = newLog(directory);
  const data = new Uint8Array(ENTRY_BYTES);
  const hard = { term: 1, vote: null, commit: 0 };
  // Rows as batches of this size leave them, written by fewer commits.
  for (let at = log.lastIndex; at < count; at += batch) {
    const entries = Array.from({ length: batch }, (_, n) => ({
      index: at + n + 1,
      term: 1,
      kind: "command" as const,
      data,
    }));
    log.append(entries, hard);
  }
  const bytes = log.retainedBytes;
  log.close();
  const startedMs = performance.now();
  SqliteRaftLog.open(directory, { nodeId: "a" }).close();
  const openMs = performance.now() - startedMs;
  Deno.removeSync(directory, { recursive: true });
  return { openMs, bytes };
}

function newLog(directory: string): SqliteRaftLog {
  const identity = { clusterId: "bench", nodeId: "a", incarnation: "" };
  const log = SqliteRaftLog.create(directory, identity);
  foundCluster(log, [{ id: "a", address: "", incarnation: "" }]);
  return log;
}

/** Proposes `total` entries in turns of `batch`, each waiting for the one before. */
async function proposeFor(node: RaftNode<number>, batch: number, total: number): Promise<number> {
  const data = new Uint8Array(ENTRY_BYTES);
  const turns = Math.ceil(total / batch);
  const startedMs = performance.now();
  for (let turn = 0; turn < turns; turn++) {
    const promises = [];
    for (let n = 0; n < batch; n++) promises.push(node.propose(data));
    await Promise.all(promises);
  }
  return 1000 * turns * batch / (performance.now() - startedMs);
}

async function settled(fact: () => boolean): Promise<void> {
  while (!fact()) await new Promise((resolve) => setTimeout(resolve, 1));
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function printTable(head: readonly string[], body: readonly (readonly string[])[]): void {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...body.map((row) => row[column]?.length ?? 0))
  );
  for (const row of [head, widths.map((width) => "-".repeat(width)), ...body]) {
    console.log(`| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`);
  }
}
