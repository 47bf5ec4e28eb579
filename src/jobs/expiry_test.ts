import assert from "node:assert/strict";
import { assertFields, Scene } from "./scene_test_support.ts";

const soon = { options: { expireAfterMs: 5000 } };

/** How a job comes to be in each status that is not final. */
const reach: Record<string, (scene: Scene) => void> = {
  waiting: (scene) => scene.submit("job", { ...soon, notBeforeMs: scene.nowMs + 60_000 }),
  pending: (scene) => scene.submit("job", soon),
  assigned: (scene) => {
    scene.submit("job", soon);
    scene.assign("job");
  },
  running: (scene) => {
    reach.assigned!(scene);
    scene.start("job");
  },
};

for (const [status, begin] of Object.entries(reach)) {
  Deno.test(`a ${status} job whose time is over fails for good, through a crash`, () => {
    const scene = new Scene();
    scene.register("w1");
    begin(scene);
    const expiresAtMs = scene.job("job").expiresAtMs;
    assert.ok(scene.machine.nextDueMs! <= expiresAtMs);
    scene.machine.flush();
    scene.crash();
    scene.sleep(4999);
    assert.equal(scene.job("job").status, status);
    scene.sleep(1);
    assertFields(scene.job("job"), {
      status: "failed",
      errorKind: "expired",
      deadLetter: true,
      completedAtMs: expiresAtMs,
    });
    assert.match(scene.job("job").errorMessage, /5000 ms/);
    assert.equal(scene.machine.nextDueMs, undefined);
    assert.equal(scene.machine.heldBy("w1").length, 0);
  });
}

Deno.test("the attempt of a job that expired ends so, its worker is named, and its result is refused", () => {
  const scene = new Scene();
  scene.register("w1");
  reach.running!(scene);
  const { token } = scene.job("job");
  scene.machine.drainEvents();
  scene.sleep(5000);
  const [event] = scene.machine.drainEvents();
  assertFields(event!, { cause: "expire", from: "running", workerId: "w1", token });
  assert.equal(scene.machine.attempts("job").at(-1)?.outcome, "expired");
  const late = scene.complete("job", { token, workerId: "w1" });
  assertFields(late, { status: "refused", reason: "finished" });
  assert.equal(scene.job("job").status, "failed");
});

Deno.test("a redrive starts the time anew, and a job that finished in time never expires", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("job", soon);
  scene.sleep(5000);
  scene.redrive("job");
  assert.equal(scene.job("job").expiresAtMs, scene.nowMs + 5000);
  scene.sleep(4000);
  scene.assign("job");
  scene.complete("job");
  scene.sleep(60_000);
  assert.equal(scene.job("job").status, "completed");
});

Deno.test("an error that the job calls permanent is not retried, and others are", () => {
  const scene = new Scene();
  scene.register("w1");
  const options = { nonRetryableErrors: ["404", "forbidden"], backoff: "fixed" as const };
  scene.submit("job", { options, maxRetries: 9, retryDelayMs: 1000 });
  scene.assign("job");
  scene.fail("job", { error: "status 503" });
  assertFields(scene.job("job"), { status: "waiting", notBeforeMs: scene.nowMs + 1000 });
  scene.sleep(1000);
  scene.assign("job");
  scene.fail("job", { error: "the page is forbidden to us" });
  assertFields(scene.job("job"), { status: "failed", errorKind: "permanent", failures: 2 });
});
