import assert from "node:assert/strict";
import { createLogger } from "../observability/mod.ts";
import {
  type AttemptReportView,
  type CancellationView,
  type JobView,
  type OrderAnswer,
  Refusal,
} from "../rpc/mod.ts";
import { until } from "../rpc/server_test_support.ts";
import { PushLink } from "./push_link.ts";

const log = await createLogger({
  level: "error",
  format: "json",
  output: "stderr",
  name: "master",
  nodeId: "m1",
});

function job(id: string, token: number): JobView {
  return {
    id,
    type: "noop",
    namespace: "default",
    status: "assigned",
    priority: 0,
    assignedTo: "w1",
    createdAtMs: 0,
    retryCount: 0,
    maxRetries: 0,
    errorMessage: "",
    timeoutMs: 0,
    fencingToken: token,
    attempt: 1,
    labels: {},
    deadLetter: false,
    traceparent: "",
    submittedBy: "",
    queue: "default",
  };
}

/** A link to a worker whose answers the test gives. */
function scene(isAway = () => false) {
  const assigned = new Map<string, PromiseWithResolvers<OrderAnswer>>();
  const cancelled: CancellationView[] = [];
  const reports: AttemptReportView[] = [];
  let readyCount = 0;
  let isCallerClosed = false;
  let reachedCount = 0;
  const link = new PushLink({
    workerId: "w1",
    address: "127.0.0.1:1",
    caller: {
      reach: () => {
        reachedCount++;
        return isAway() ? Promise.reject(new Refusal("unavailable", "away")) : Promise.resolve();
      },
      assign: ({ id }) => {
        const answer = Promise.withResolvers<OrderAnswer>();
        assigned.set(id, answer);
        return answer.promise;
      },
      cancel: (cancellation) => {
        cancelled.push(cancellation);
        return Promise.resolve({ done: true, message: "" });
      },
      close: () => isCallerClosed = true,
    },
    report: (report) => {
      reports.push(report);
      const { jobId, token } = report;
      return Promise.resolve({ jobId, token, accepted: true, message: "" });
    },
    onReady: () => readyCount++,
    log,
  });
  return {
    link,
    assigned,
    cancelled,
    reports,
    reportedOf: () => reports.map(({ jobId, kind }) => `${jobId} ${kind}`),
    readyCount: () => readyCount,
    reachedCount: () => reachedCount,
    isCallerClosed: () => isCallerClosed,
  };
}

const ACCEPTED: OrderAnswer = { done: true, message: "" };

Deno.test("a job that the worker accepts has started; one that hangs holds up no other", async () => {
  const { link, assigned, reportedOf } = scene();
  link.send({ assignments: [job("hangs", 1), job("runs", 2)] });
  assigned.get("runs")!.resolve(ACCEPTED);
  await until(() => reportedOf().length === 1, "one is reported");
  assert.deepEqual(reportedOf(), ["runs started"]);
  link.close();
});

Deno.test("a worker gets one job at a time until it has taken one, and again after it failed to", async () => {
  const { link, assigned, reports } = scene();
  assert.equal(link.room, 1);
  link.send({ assignments: [job("a", 1)] });
  assert.equal(link.room, 0, "the first one is under way");
  assigned.get("a")!.resolve(ACCEPTED);
  await until(() => reports.length === 1, "it is taken");
  assert.equal(link.room, Number.POSITIVE_INFINITY);
  link.send({ assignments: [job("b", 2), job("c", 3)] });
  assigned.get("b")!.resolve({ done: false, message: "queue full" });
  assigned.get("c")!.resolve(ACCEPTED);
  await until(() => reports.length === 3, "one is refused, one is taken");
  assert.equal(link.room, 0, "it is left alone all the same");
  link.close();
});

Deno.test("a worker that cannot be connected to is given no job to find out", async () => {
  let isAway = true;
  const { link, assigned, readyCount, reachedCount } = scene(() => isAway);
  link.send({ assignments: [job("a", 1)] });
  assigned.get("a")!.reject(new Refusal("unavailable", "127.0.0.1:1 refuses connections"));
  await until(() => reachedCount() === 2, "it is looked after twice");
  assert.deepEqual([link.room, readyCount()], [0, 0]);
  isAway = false;
  await until(() => readyCount() === 1, "it is there");
  assert.equal(link.room, 1);
  link.close();
});

Deno.test("a refused job goes back at once, and the worker is left alone for a while", async () => {
  const { link, assigned, reports, readyCount, cancelled } = scene();
  link.send({ assignments: [job("a", 1)] });
  assigned.get("a")!.resolve({ done: false, message: "queue full" });
  await until(() => reports.length === 1, "it is given back");
  const [report] = reports;
  assert.ok(report?.kind === "released");
  assert.match(report.reason, /refused it: queue full/);
  assert.equal(link.room, 0);
  assert.deepEqual(cancelled, [], "what was refused is not there");
  await until(() => readyCount() === 1, "it may be given jobs again");
  assert.equal(link.room, 1);
  link.close();
});

Deno.test("a job that may have arrived though nobody said so is given back and called off", async () => {
  const { link, assigned, reportedOf, cancelled } = scene();
  link.send({ assignments: [job("a", 1), job("b", 2)] });
  assigned.get("a")!.reject(new Refusal("outcome_unknown", "Deadline exceeded"));
  assigned.get("b")!.reject(new Refusal("unavailable", "127.0.0.1:1 refuses connections"));
  await until(() => reportedOf().length === 2 && cancelled.length === 1, "both are given back");
  assert.deepEqual(reportedOf().sort(), ["a released", "b released"]);
  assert.deepEqual(cancelled, [{ jobId: "a", token: 1, reason: "reassigned" }]);
  link.close();
});

Deno.test("a cancellation does not overtake the job that it is about", async () => {
  const { link, assigned, cancelled } = scene();
  link.send({ assignments: [job("a", 1)] });
  link.send({ cancellations: [{ jobId: "a", token: 1, reason: "user_cancelled" }] });
  link.send({ cancellations: [{ jobId: "old", token: 0, reason: "timeout" }] });
  await until(() => cancelled.length === 1, "what is not under way is cancelled at once");
  assert.equal(cancelled[0]?.jobId, "old");
  assigned.get("a")!.resolve(ACCEPTED);
  await until(() => cancelled.length === 2, "then the other");
  assert.deepEqual(cancelled[1], { jobId: "a", token: 1, reason: "user_cancelled" });
  link.close();
});

Deno.test("a closed link says nothing of what it had under way: that is for the next leader", async () => {
  const { link, assigned, reports, isCallerClosed } = scene();
  link.send({ assignments: [job("a", 1)] });
  link.close();
  assert.ok(isCallerClosed());
  assigned.get("a")!.reject(new Refusal("cancelled", "the connections were closed"));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(reports, []);
});
