/**
 * Two groups of users in one cluster, each with a token for a namespace of its own: what one of them
 * has, the other learns nothing of, whichever master is asked.
 *
 * @module
 */

import assert from "node:assert/strict";
import { fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { MasterService } from "../../src/rpc/mod.ts";
import { until } from "../e2e/support.ts";
import { call, type Outcome, wireOf } from "./calls.ts";
import type { Node, Scene } from "./scene.ts";
import { goodClaims, signed } from "./tokens.ts";

type Methods = typeof MasterService.method;
type Answer<Name extends keyof Methods> = MessageShape<Methods[Name]["output"]>;

/** An administrator of some namespaces, at one master. */
class Admin {
  readonly #scene: Scene;
  readonly #token: string;

  private constructor(scene: Scene, token: string) {
    this.#scene = scene;
    this.#token = token;
  }

  static async of(scene: Scene, sub: string, ...namespaces: string[]): Promise<Admin> {
    const claims = { ...goodClaims(), sub, roles: ["admin"], namespaces };
    return new Admin(scene, `Bearer ${await signed(scene.key, claims)}`);
  }

  try(node: Node, name: keyof Methods, request: Record<string, unknown>): Promise<Outcome> {
    const method = MasterService.method[name];
    const client = this.#scene.callers.at(node.grpc, "client");
    return call(client, method, wireOf(method, request), this.#token);
  }

  async ask<Name extends keyof Methods>(
    node: Node,
    name: Name,
    request: Record<string, unknown>,
  ): Promise<Answer<Name>> {
    const { code, message, answer } = await this.try(node, name, request);
    assert.ok(answer !== undefined, `${name} was answered ${code}: ${message}`);
    return fromBinary(MasterService.method[name].output, answer) as Answer<Name>;
  }
}

const payload = new TextEncoder().encode("{}");
const noop = { type: "noop", payload };
/** Nobody has it, so that the job waits. */
const waits = { require: ["nothing-has-this"] };
const schedule = {
  name: "hourly",
  timing: { when: { case: "cron", value: "0 * * * *" } },
  job: noop,
};

/** The whole story; leaves jobs behind. */
export async function namespacesAreApart(scene: Scene): Promise<void> {
  const { leader, follower } = scene;
  const red = await Admin.of(scene, "rita", "red");
  const blue = await Admin.of(scene, "boris", "blue");
  const options = { ...waits, batchId: "nightly", uniqueKey: "one" };
  const submitted = { ...noop, idempotencyKey: "k", options };
  const { jobId: redJob } = await red.ask(follower, "submitJob", submitted);
  const { jobId: blueJob } = await blue.ask(leader, "submitJob", submitted);
  await red.ask(follower, "addSchedule", { schedule });
  await blue.ask(leader, "addSchedule", { schedule });
  const { jobId: dead } = await blue.ask(leader, "submitJob", {
    type: "http",
    payload: new TextEncoder().encode('{"url":"http://127.0.0.1:1/"}'),
  });
  await until(
    "a dead letter of blue",
    async () => (await blue.ask(leader, "getJobStatus", { jobId: dead })).job?.deadLetter === true,
  );
  const { jobId: ran } = await red.ask(leader, "submitJob", noop);
  await until(
    "a job of red that a worker for all has run",
    async () =>
      (await red.ask(follower, "getJobStatus", { jobId: ran })).job?.status === "completed",
  );
  for (const node of [leader, follower]) {
    await sameAsNothing(red, node, [blueJob, dead, scene.things.waitingJob]);
    await listsOfOwn(red, node, [redJob, ran]);
    await nothingOfTheCluster(red, node);
  }
  await dependsOnNothingForeign(red, leader, blueJob);
  assert.equal(
    (await blue.ask(follower, "getJobStatus", { jobId: blueJob })).job?.status,
    "pending",
  );
  const { jobs } = await scene.ask("listJobs", { filter: { namespace: "blue" } as never });
  assert.deepEqual(jobs.map(({ id }) => id).sort(), [blueJob, dead].sort());
  await tokensOfOwn(scene, red);
  await until(
    "a refusal of red in the audit log, with its namespaces",
    async () =>
      (await scene.auditOf(leader)).some((line) =>
        line.includes('"user_id":"rita"') && line.includes("permission denied") &&
        line.includes('"namespaces":["red"]')
      ),
  );
}

/** Whatever is asked of a job of others is answered as of one that nobody has. */
async function sameAsNothing(red: Admin, node: Node, foreign: readonly string[]): Promise<void> {
  const nothing = "0198c000-0000-7000-8000-000000000000";
  const calls = ["getJobStatus", "cancelJob", "watchJob", "retryFromDLQ"] as const;
  const words = async (jobId: string) =>
    [
      ...await Promise.all(calls.map((name) => red.try(node, name, { jobId }))),
      await red.try(node, "purgeDeadLetters", { jobIds: [jobId] }),
    ].map(({ code, message }) => `${code} ${message.replaceAll(jobId, "ID")}`);
  const expected = await words(nothing);
  assert.ok(
    expected.every((each) => /^NOT_FOUND there is no job "ID"$/.test(each)),
    expected.join(),
  );
  for (const jobId of foreign) assert.deepEqual(await words(jobId), expected);
  for (
    const [name, request] of [
      ["submitJob", { ...noop, namespace: "blue" }],
      ["getBatch", { batchId: "nightly", namespace: "blue" }],
      ["pauseSchedule", { name: "hourly", namespace: "default" }],
      ["listJobs", { filter: { namespace: "blue" } }],
      ["cancelJobs", { filter: { namespace: "blue", type: "noop" } }],
    ] as const
  ) {
    const { code, message } = await red.try(node, name, request);
    assert.equal(code, "PERMISSION_DENIED", name);
    assert.match(message, /for the namespace red alone/);
  }
}

async function listsOfOwn(red: Admin, node: Node, own: readonly string[]): Promise<void> {
  const page = await red.ask(node, "listJobs", {});
  assert.deepEqual(page.jobs.map(({ id }) => id).sort(), [...own].sort());
  assert.equal(page.total, own.length);
  assert.ok(page.jobs.every(({ namespace }) => namespace === "red"));
  assert.equal((await red.ask(node, "listDLQ", {})).total, 0);
  const { batches } = await red.ask(node, "listBatches", {});
  assert.deepEqual(batches.map(({ id, total }) => [id, total]), [["nightly", 1n]]);
  const { schedules, total } = await red.ask(node, "listSchedules", {});
  assert.deepEqual([total, schedules[0]?.createdBy], [1, "rita"]);
  const { types } = await red.ask(node, "listTypes", {});
  assert.deepEqual(types.map(({ name, pending }) => [name, pending]), [["noop", 1n]]);
  const { queues } = await red.ask(node, "listQueues", {});
  assert.deepEqual(queues.map(({ name, pending }) => [name, pending]), [["rita", 1n]]);
  const health = await red.ask(node, "getClusterHealth", {});
  assert.deepEqual([health.pendingJobs, health.runningJobs, health.dlqJobs], [1, 0, 0]);
  assert.deepEqual((await red.ask(node, "listWorkers", {})).workers, []);
  assert.equal((await red.try(node, "getWorker", { workerId: "w1" })).code, "NOT_FOUND");
}

/** Whatever its roles. */
async function nothingOfTheCluster(red: Admin, node: Node): Promise<void> {
  for (
    const [name, request] of [
      ["configure", { scope: "type", name: "noop", paused: true }],
      ["listMembers", {}],
      ["backup", {}],
      ["setPolicy", {}],
      ["listRevocations", {}],
    ] as const
  ) {
    const { code, message } = await red.try(node, name, request);
    assert.equal(code, "PERMISSION_DENIED", name);
    assert.match(message, /for the namespace red alone, and .* about the whole cluster/);
  }
  const drained = await red.try(node, "drainWorker", { workerId: "w1" });
  assert.equal(drained.code, "NOT_FOUND");
  const heard = await red.try(node, "heartbeat", { workerId: "w1" });
  assert.equal(heard.code, "PERMISSION_DENIED", "it would be given the worker's jobs");
}

async function dependsOnNothingForeign(red: Admin, node: Node, foreign: string): Promise<void> {
  const nothing = "0198c000-0000-7000-8000-000000000000";
  const [theirs, missing] = await Promise.all(
    [foreign, nothing].map(async (jobId) => {
      const options = { dependsOn: [{ jobId }] };
      const { code, message } = await red.try(node, "submitJob", { ...noop, options });
      return `${code} ${message.replaceAll(jobId, "ID")}`;
    }),
  );
  assert.match(missing ?? "", /^FAILED_PRECONDITION/);
  assert.equal(theirs, missing);
}

/** It hands on what it has, and nothing wider. */
async function tokensOfOwn(scene: Scene, red: Admin): Promise<void> {
  const { leader, follower } = scene;
  const order = { subject: "rolf", roles: ["operator"] };
  const { tokens } = await red.ask(follower, "issueToken", order);
  const { accessToken = "" } = tokens ?? {};
  const claims = JSON.parse(
    new TextDecoder().decode(
      Uint8Array.fromBase64(accessToken.split(".")[1]!, { alphabet: "base64url" }),
    ),
  );
  assert.deepEqual(claims.namespaces, ["red"]);
  for (const wider of [{ namespaces: ["blue"] }, { joins: "worker", subject: "", roles: [] }]) {
    const { code } = await red.try(leader, "issueToken", { ...order, ...wider });
    assert.equal(code, "PERMISSION_DENIED", JSON.stringify(wider));
  }
  const both = await Admin.of(scene, "both", "red", "blue");
  const { code, message } = await both.try(leader, "submitJob", noop);
  assert.equal(code, "INVALID_ARGUMENT");
  assert.match(message, /red, blue: name one of them/);
  assert.equal((await both.ask(leader, "listBatches", {})).batches.length, 2);
}
