/** Where a full disk may be met in the work on a `Ready`, and that nothing is then done twice. */

import assert from "node:assert/strict";
import type { Entry, HardState } from "./entry.ts";
import { MemoryLog } from "./memory_log.ts";
import type { Message } from "./message.ts";
import { PendingProposals, PendingReads } from "./pending.ts";
import { DiskFull } from "./ports.ts";
import { ReadyWork } from "./ready_work.ts";
import { installInLog } from "./start.ts";
import { entry, envelope, loneNode, member } from "./test_network.ts";

const THREE = ["a", "b", "c"];
const RETRY_TICKS = 5;

/** The driver's work on one core, on a disk that is full as often as the test says. */
function bench() {
  const node = loneNode(THREE);
  const done: string[] = [];
  const sent: Message[] = [];
  const full = { install: 0, append: 0, apply: 0 };
  const meet = (what: keyof typeof full) => {
    if (full[what]-- > 0) throw new DiskFull("full");
    full[what] = 0;
    done.push(what);
  };
  const log = new class extends MemoryLog {
    override append(entries: readonly Entry[], hardState: HardState): void {
      meet("append");
      node.log.append(entries, hardState);
    }
  }();
  let appliedIndex = 0;
  const changes: boolean[] = [];
  const work = new ReadyWork<string>({
    core: node.core,
    log,
    transport: { send: (messages) => sent.push(...messages) },
    stateMachine: {
      get appliedIndex() {
        return appliedIndex;
      },
      get durableAppliedIndex() {
        return appliedIndex;
      },
      apply(entries, throughIndex) {
        meet("apply");
        appliedIndex = throughIndex;
        return entries.map(() => "");
      },
    },
    snapshots: {
      install: (snapshot) => {
        meet("install");
        installInLog(node.log, snapshot);
        appliedIndex = snapshot.index;
        node.core.snapshotInstalled();
      },
      start: () => {},
    },
    proposals: new PendingProposals<string>(),
    reads: new PendingReads(1, 10),
    retryTicks: RETRY_TICKS,
    fullChanged: (isFull) => changes.push(isFull),
  });
  const retry = () => {
    while (!work.tick());
    return work.resume();
  };
  return { node, work, full, done, sent, changes, retry };
}

for (const what of ["install", "append"] as const) {
  Deno.test(`a full disk at the ${what} of a snapshot's ready repeats that and nothing before it`, () => {
    const { node, work, full, done, sent, changes, retry } = bench();
    const membership = { voters: THREE.map(member), learners: [] };
    const snapshot = { index: 9, term: 2, membership };
    node.core.step({ kind: "snapshot_received", ...envelope("b", "a", 3), snapshot });
    const ready = node.core.takeReady();
    assert.ok(ready?.snapshotToInstall !== undefined && ready.write !== undefined);
    full[what] = 2;
    assert.equal(work.write(ready), false);
    assert.equal(sent.length, 0, "nothing was acknowledged");
    assert.equal(retry(), false);
    assert.equal(retry(), true);
    assert.deepEqual(done, ["install", "append"]);
    assert.deepEqual(sent.map((each) => each.kind), ["append_accepted"]);
    assert.deepEqual(changes, [true, false]);
    assert.equal(node.log.hardState.term, 3);
  });
}

Deno.test("a full disk at the apply repeats the apply alone: what was acknowledged is on the disk", () => {
  const { node, work, full, done, sent, retry } = bench();
  node.core.step({
    kind: "append_request",
    ...envelope("b", "a", 1),
    prevIndex: 0,
    prevTerm: 0,
    entries: [entry(1, 1)],
    commit: 1,
  });
  const write = node.core.takeReady();
  assert.ok(write !== undefined && work.write(write));
  const apply = node.core.takeReady();
  assert.ok(apply !== undefined && apply.committed.length === 1);
  full.apply = 1;
  assert.equal(work.write(apply) && work.apply(apply), false);
  assert.equal(retry(), true);
  assert.deepEqual(done, ["append", "apply"]);
  assert.deepEqual(sent.map((each) => each.kind), ["append_accepted"]);
  assert.equal(node.view.log.applied, 1);
});
