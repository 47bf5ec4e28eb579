/**
 * Every example as it stands, by the runtime that it is for, against real clusters: in plain text with
 * three masters of which the leader dies in the middle, and with TLS, roles, tokens and encrypted payloads.
 *
 * @module
 */

import assert from "node:assert/strict";
import { JobFailedError } from "@conductor/conductor/client";
import { count, greet, sum } from "../../examples/deno/worker.ts";
import { onPlainCluster, onSecuredCluster, type Place } from "./places.ts";
import {
  type Command,
  denoExample,
  isThere,
  NodeProject,
  output,
  pythonExample,
  pythonWithGrpc,
  Started,
} from "./programs.ts";

const python = await pythonWithGrpc();
if (python === undefined) {
  console.log("python3 with grpcio, or protoc, is missing: the worker in Python is not tried");
}
const hasNode = await isThere("node", "--version") && await isThere("npm", "--version");
if (!hasNode) console.log("node or npm is missing: the SDK is not tried on Node");

Deno.test("every example does what it says", async (test) => {
  await using project = new NodeProject();
  if (hasNode) await project.install();
  await test.step("and outlives the leader of three masters", () =>
    onPlainCluster((place) => tryAll(place, project)));
  await test.step("with TLS on both sides, roles, tokens and encrypted payloads", () =>
    onSecuredCluster((place) => tryAll(place, project)));
});

async function tryAll(place: Place, project: NodeProject): Promise<void> {
  await using workers = new Workers();
  await workers.start("deno-worker", denoExample("worker.ts"), place);
  if (hasNode) await workers.start("node-worker", project.example("worker.mjs"), place);
  if (python !== undefined) {
    await workers.start("python-worker", pythonExample(python, "worker.py"), place);
  }
  const types = () => [
    denoTypes(place),
    ...(hasNode ? [nodeType(place)] : []),
    ...(python === undefined ? [] : [pythonTypes(place)]),
  ];
  await workers.during([
    ...types(),
    denoClients(place),
    ...(hasNode ? [nodeClient(project, place)] : []),
    ...(python === undefined ? [] : [pythonClient(python, place)]),
  ]);
  const { failOver } = place;
  if (failOver !== undefined) {
    await workers.during([survivors(place, failOver)]);
    await workers.during(types());
  }
  await workers.leave();
}

/** What runs when its leader dies goes on, and is believed by the next. */
async function survivors({ client }: Place, failOver: () => Promise<void>): Promise<void> {
  const jobs = [await client.submit(count, { to: 150, pauseMs: 10 })];
  if (python !== undefined) {
    jobs.push(await client.submit("py_count", { to: 150, pause_seconds: 0.01 }));
  }
  for (const job of jobs) {
    for await (const event of job.watch()) if (event.kind === "progress") break;
  }
  await failOver();
  for (const job of jobs) {
    const { counted } = await job.result() as { readonly counted: number };
    assert.equal(counted, 150);
  }
}

/** The examples that go on until they are told to leave. */
class Workers implements AsyncDisposable {
  readonly #started: Started[] = [];

  async start(id: string, command: Command, { forWorker }: Place): Promise<void> {
    this.#started.push(new Started(command, await forWorker(id)));
  }

  /** Waits for all of it, unless a worker ends before. */
  async during(work: readonly Promise<unknown>[]): Promise<void> {
    await Promise.race([Promise.all(work), ...this.#started.map((each) => each.goesOn())]);
  }

  async leave(): Promise<void> {
    for (const worker of this.#started) worker.stop("SIGTERM");
    for (const worker of this.#started) {
      assert.equal(await worker.ended(), 0, worker.said);
      assert.match(worker.said, /left in order/);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const worker of this.#started) await worker[Symbol.asyncDispose]();
  }
}

async function denoClients({ sealed: { forClients } }: Place): Promise<void> {
  const said: string[] = [];
  for (const name of ["submit_and_wait.ts", "batch.ts", "dag.ts", "schedule.ts"]) {
    said.push(await output(denoExample(name), forClients));
  }
  const [waited, batch, dag, schedule] = said;
  assert.match(
    waited!,
    /^job [-0-9a-f]+\n[\s\S]*completed\nresult \{ slept_ms: 500, attempt: \d+ \}/,
  );
  assert.match(batch!, /1000 of 1000\nbatch batch-[-0-9a-f]+ is done/);
  assert.match(dag!, /report \{.*"slept_ms".*\}\ncompleted/);
  assert.match(schedule!, /triggered completed[\s\S]*paused: true, runs so far: [1-9]/);
}

async function denoTypes({ sealed: { client } }: Place): Promise<void> {
  const greeting = await client.submit(greet, { name: "Ada" });
  assert.deepEqual(await greeting.result(), { greeting: "Hello, Ada!" });
  const logged: string[] = [];
  for await (const line of greeting.logs()) logged.push(line);
  assert.deepEqual(logged, ["greeting Ada"]);

  const nameless = await client.submit("greet", { nam: "Ada" }, { maxRetries: 3 });
  await assert.rejects(nameless.result(), (failure) => {
    assert.ok(failure instanceof JobFailedError);
    assert.match(failure.message, /the payload of this greet job .* name is missing/i);
    return true;
  });
  assert.equal((await nameless.details()).attempts.length, 1);

  const counts = await client.submitBatch([
    { ref: "a", type: count, payload: { to: 3, pauseMs: 1 } },
    { ref: "b", type: count, payload: { to: 4, pauseMs: 1 } },
    { type: sum, dependsOn: [{ ref: "a" }, { ref: "b" }] },
  ]);
  assert.deepEqual(await counts.jobs[2]!.result(), { total: 7 });

  const endless = await client.submit(count, { to: 1_000_000, pauseMs: 5 });
  for await (const event of endless.watch()) if (event.kind === "progress") break;
  await endless.cancel({ reason: "it was a test" });
  assert.equal((await endless.wait()).status, "cancelled");
}

async function nodeClient(project: NodeProject, { sealed: { forClients } }: Place): Promise<void> {
  const said = await output(project.example("client.mjs"), forClients);
  assert.match(said, /leads, \d+ workers\nslept 50\nbatch 2\ndead letter true\nfound among/);
  assert.match(said, /completed some true true\nNOT_FOUND there is no job "no-such-job"/);
}

async function nodeType({ sealed: { client } }: Place): Promise<void> {
  const job = await client.submit("shout", { text: "hello" });
  assert.deepEqual(await job.result(), { shouted: "HELLO", attempt: 1 });
  const wrong = await client.submit("shout", { text: 7 });
  await assert.rejects(wrong.result(), /text is missing; it must be a string/);
}

async function pythonClient(program: string, { forClients }: Place): Promise<void> {
  const said = await output(pythonExample(program, "client.py", "py_greet", '{"name":"Ada"}'), {
    ...forClients,
  });
  assert.match(said, /completed \{"greeting": "Hello, Ada!", "attempt": 1\}/);
}

async function pythonTypes({ client }: Place): Promise<void> {
  const greeting = await client.submit("py_greet", { name: "Grace" });
  assert.deepEqual(await greeting.result(), { greeting: "Hello, Grace!", attempt: 1 });
  assert.deepEqual((await greeting.details()).logTail, ["greeting Grace"]);

  const nameless = await client.submit("py_greet", {}, { maxRetries: 3 });
  await assert.rejects(nameless.result(), /name is missing; it must be a string/);
  assert.equal((await nameless.details()).attempts.length, 1, "it was for good");

  const sum = await client.submitBatch([
    { ref: "a", type: "py_count", payload: { to: 2 } },
    { ref: "b", type: "py_count", payload: { to: 3 } },
    { type: "py_sum", dependsOn: [{ ref: "a" }, { ref: "b" }] },
  ]);
  assert.deepEqual(await sum.jobs[2]!.result(), { total: 5 });

  const endless = await client.submit("py_count", { to: 1_000_000 });
  for await (const event of endless.watch()) if (event.kind === "progress") break;
  await endless.cancel();
  assert.equal((await endless.wait()).status, "cancelled");

  const slow = await client.submit("py_count", { to: 1_000_000 }, {
    timeoutMs: 300,
    maxRetries: 0,
  });
  await assert.rejects(slow.result(), /timed out after 300 ms/);
}
