import assert from "node:assert/strict";
import type { Command } from "../jobs/mod.ts";
import { Scene } from "../jobs/scene_test_support.ts";
import { silentTracer } from "../observability/mod.ts";
import { LeaderDuties, type LeaderOptions } from "./leader.ts";
import { Sessions } from "./sessions.ts";

/** The duties of a leader over a machine, whose proposals are applied at once and written down. */
function dutiesOver(scene: Scene) {
  const proposed: string[] = [];
  const startedMs = performance.now();
  const beganMs = scene.nowMs;
  const now = () => Math.floor(beganMs + performance.now() - startedMs);
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const duties = new LeaderDuties({
    machine: scene.machine,
    proposer: {
      propose: (command: Command) => {
        proposed.push(command.kind);
        scene.nowMs = now();
        return Promise.resolve(scene.apply(command));
      },
    },
    sessions: new Sessions(() => {
      throw new Error("no worker is dialled here");
    }),
    policy: "least-loaded",
    crashLimit: 3,
    typePolicies: new Map(),
    timings: {
      heartbeatTimeoutMs: 60_000,
      assignmentTimeoutMs: 60_000,
      rebalanceIntervalMs: 60_000,
      killGraceMs: 0,
    },
    watchers: { progressOf: () => undefined },
    now,
    random: () => 0,
    log,
    tracer: silentTracer,
    observer: { planned() {}, assigned() {}, assignFailed() {}, undelivered() {} },
  } as unknown as LeaderOptions, 1);
  return { duties, proposed };
}

function turns(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

Deno.test("what is due soon is woken, and what is due in months costs nothing until then", async () => {
  const scene = new Scene();
  scene.submit("soon", { notBeforeMs: scene.nowMs + 20 });
  scene.submit("later", { notBeforeMs: scene.nowMs + 90 * 24 * 3_600_000 });
  const { duties, proposed } = dutiesOver(scene);
  try {
    while (scene.job("soon").status !== "pending") await turns(5);
    // Long enough for a timer that overflows to have fired many times.
    await turns(60);
    assert.deepEqual(proposed, ["advance"]);
    assert.equal(scene.job("later").status, "waiting");
  } finally {
    duties.stop();
  }
});

Deno.test("the leader looks again when a rate lets the next job start, and not before", async () => {
  const scene = new Scene();
  const rate = { count: 1, perMs: 40, burst: 1 };
  scene.register("w1", { unary: true });
  for (const id of ["a", "b"]) scene.submit(id, { options: { rateKey: "api", rate } });
  const { duties } = dutiesOver(scene);
  try {
    while (scene.job("b").status !== "assigned") await turns(5);
    assert.ok(scene.job("b").assignedAtMs - scene.job("a").assignedAtMs >= 40);
  } finally {
    duties.stop();
  }
});
