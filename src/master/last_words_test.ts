import assert from "node:assert/strict";
import { Scene } from "../jobs/scene_test_support.ts";
import { lastWords } from "./last_words.ts";
import { JobWatchers } from "./watchers.ts";

function running(count: number) {
  const scene = new Scene();
  scene.register("w1", { slots: count });
  const ids = Array.from({ length: count }, (_, number) => `j${number}`);
  for (const id of ids) {
    scene.submit(id);
    scene.assign(id);
  }
  const watchers = new JobWatchers();
  const say = (id: string, lines: readonly string[]) => {
    const { token, workerId } = { token: scene.machine.get(id)!.token, workerId: "w1" };
    const news = { jobId: id, token, workerId, fraction: 0, message: "", firstLine: 1 };
    watchers.take({ ...news, logLines: lines }, 1, 0);
  };
  const jobs = () => ids.map((id) => scene.machine.get(id)!);
  return { scene, watchers, say, jobs };
}

Deno.test("what a running attempt logged goes with the Command that cancels it, and is kept", () => {
  const { scene, watchers, say, jobs } = running(2);
  say("j0", ["one", "two"]);
  const words = lastWords(jobs(), watchers);
  assert.deepEqual(words.logs?.map(({ jobId, lines, linesCut }) => [jobId, lines, linesCut]), [
    ["j0", ["one", "two"], 0],
  ]);
  const cancel = { kind: "cancel", jobIds: ["j0", "j1"], reason: "", by: "ann" } as const;
  scene.apply({ ...cancel, ...words });
  assert.deepEqual(scene.machine.logTail("j0"), ["one", "two"]);
  assert.deepEqual(scene.machine.logTail("j1"), []);
  assert.deepEqual(lastWords(jobs(), watchers), {}, "no attempt goes on");
});

Deno.test("what was logged before a timeout or the loss of the worker is kept with the job", () => {
  const { scene, watchers, say, jobs } = running(2);
  say("j0", ["ran", "too long"]);
  say("j1", ["lost"]);
  const [first] = jobs();
  const attempts = [{ jobId: "j0", token: first!.token, reason: "timeout" }] as const;
  scene.apply({ kind: "expire_attempts", attempts, ...lastWords([first!], watchers) });
  assert.deepEqual(scene.machine.logTail("j0"), ["ran", "too long"]);
  const { sessionId } = scene.machine.worker("w1")!;
  const words = lastWords(scene.machine.heldBy("w1"), watchers);
  assert.deepEqual(words.logs?.map(({ jobId }) => jobId), ["j1"]);
  const lost = { workerId: "w1", sessionId, reason: "silent", ...words };
  scene.apply({ kind: "expire_worker", ...lost });
  assert.deepEqual(scene.machine.logTail("j1"), ["lost"]);
});

Deno.test("the log of another attempt than the cancelled one is not taken for its own", () => {
  const { scene, watchers, say, jobs } = running(1);
  say("j0", ["of the first"]);
  const { logs = [] } = lastWords(jobs(), watchers);
  const stale = logs.map((log) => ({ ...log, token: log.token - 1 }));
  scene.apply({ kind: "cancel", jobIds: ["j0"], reason: "", by: "ann", logs: stale });
  assert.equal(scene.machine.get("j0")?.status, "cancelled");
  assert.deepEqual(scene.machine.logTail("j0"), []);
});

Deno.test("many long logs share the room of one Command, and say what was cut", () => {
  const { watchers, say, jobs } = running(20);
  const line = "x".repeat(10_000);
  for (const { id } of jobs()) say(id, Array(10).fill(line));
  const { logs = [] } = lastWords(jobs(), watchers);
  assert.equal(logs.length, 20);
  for (const { lines, linesCut } of logs) {
    assert.deepEqual([lines.length, linesCut], [5, 5]);
  }
});
