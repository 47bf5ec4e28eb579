/** What is in another namespace answers as if it were not there. */

import assert from "node:assert/strict";
import { type Command, JobMachine, MemoryJobStore, type SubmitSpec } from "../jobs/mod.ts";
import { type CallContext, Refusal } from "../rpc/mod.ts";
import { BatchesApi } from "./batches_api.ts";
import { BulkApi } from "./bulk_api.ts";
import { ClusterApi } from "./cluster_api.ts";
import type { MasterContext } from "./context.ts";
import { JobsApi } from "./jobs_api.ts";
import { Live } from "./live.ts";
import type { AuditedAct } from "./options.ts";
import type { Unstamped } from "./proposer.ts";
import { TypesAndQueuesApi } from "./settings_api.ts";
import { isOwn, namespaceFor, namespacesFor, narrowed, servedBy } from "./sight.ts";
import { JobWatchers } from "./watchers.ts";
import { WorkersApi } from "./workers_api.ts";

function callOf(...namespaces: string[]): CallContext {
  return {
    method: "/proto.MasterService/X",
    requestId: "r",
    caller: { userId: "ann", roles: ["admin"], namespaces },
    signal: new AbortController().signal,
  } as unknown as CallContext;
}
const ALL = { ...callOf(), caller: { userId: "root", roles: ["admin"] } } as CallContext;
const RED = callOf("red");

/** A leader whose log takes everything at once. */
class Leader {
  readonly machine = new JobMachine(new MemoryJobStore());
  readonly audited: AuditedAct[] = [];
  readonly context: MasterContext;
  #index = 0;

  constructor() {
    this.context = {
      machine: this.machine,
      proposer: {
        propose: (command: Unstamped<Command>) => Promise.resolve(this.apply(command)),
        readBarrier: () => Promise.resolve(),
      },
      watchers: new JobWatchers(),
      sessions: { get: () => undefined, open: () => ({}) },
      log: { info() {} },
      duties: { schedule() {}, view: () => this.machine.view() },
      audit: (act: AuditedAct) => this.audited.push(act),
      now: () => 1_000,
      facts: { clusterId: "c1" },
      addressOf: () => undefined,
      node: { status: () => ({ members: [], role: "leader", term: 1 }) },
    } as unknown as MasterContext;
    this.submit("red-job", { namespace: "red", options: { batchId: "b", queue: "q" } });
    this.submit("blue-job", { namespace: "blue", options: { batchId: "b", queue: "q" } });
    this.submit("default-job", { type: "other" });
    for (const id of ["red", "blue"]) this.register(id, [id]);
    this.register("any");
  }

  apply(command: Unstamped<Command>) {
    const stamped = { ...command, atMs: 1_000 } as Command;
    return this.machine.apply(stamped, { index: ++this.#index, term: 1 });
  }

  submit(id: string, spec: Partial<SubmitSpec>): void {
    const numbers = { priority: 0, maxRetries: 0, timeoutMs: 0, retryDelayMs: 0 };
    const job = { id, type: "noop", payload: new Uint8Array(1), ...numbers, ...spec };
    this.apply({ kind: "submit", jobs: [job] } as Unstamped<Command>);
  }

  register(id: string, namespaces?: string[]): void {
    const worker = {
      ...{ id, sessionId: id, address: "", slots: 9, jobTypes: ["noop"], tags: {}, version: "" },
      ...(namespaces && { namespaces }),
    };
    this.apply({ kind: "register_worker", worker } as Unstamped<Command>);
  }

  assign(jobId: string, workerId: string): void {
    const assignments = [{ jobId, workerId, sessionId: workerId }];
    this.apply({ kind: "assign", assignments } as Unstamped<Command>);
  }

  /** Fails for good. */
  bury(jobId: string, workerId: string): void {
    this.assign(jobId, workerId);
    const said = { error: "no", permanent: true, durationMs: 1 };
    const reports = [{ kind: "failed", jobId, token: 0, workerId, ...said }];
    this.apply({ kind: "report", reports } as Unstamped<Command>);
  }
}

/** What a call is refused with: its reason and its words, with the id that it names left out. */
async function refusalOf(id: string, call: () => Promise<unknown>): Promise<string> {
  try {
    await call();
  } catch (failure) {
    assert.ok(failure instanceof Refusal, String(failure));
    return `${failure.reason}: ${failure.message.replaceAll(id, "ID")}`;
  }
  return "done";
}

Deno.test("a job of another namespace answers every call like one that there is not", async () => {
  const leader = new Leader();
  leader.bury("blue-job", "blue");
  const jobs = new JobsApi(leader.context);
  const bulk = new BulkApi(leader.context);
  const before = leader.machine.stateHash();
  const calls: Record<string, (id: string) => Promise<unknown>> = {
    get: (id) => jobs.getJob(id, { stale: false }, RED),
    cancel: (id) => jobs.cancelJob(id, "", RED),
    watch: (id) => jobs.watchJob(id, () => Promise.resolve(), RED, 1),
    retry: (id) => jobs.retryDeadLetter(id, RED),
    purge: (id) => bulk.purgeDeadLetters({ jobIds: [id], dryRun: false }, RED),
  };
  for (const [name, call] of Object.entries(calls)) {
    const nothing = await refusalOf("no-job", () => call("no-job"));
    assert.match(nothing, /^not_found: there is no job "ID"$/, name);
    for (const id of ["blue-job", "default-job"]) {
      assert.equal(await refusalOf(id, () => call(id)), nothing, name);
    }
  }
  assert.equal(leader.machine.stateHash(), before);
  assert.equal((await jobs.getJob("blue-job", { stale: false }, ALL)).job.namespace, "blue");
  assert.equal((await jobs.getJob("red-job", { stale: false }, RED)).job.id, "red-job");
});

Deno.test("lists, totals, counts and standings show what is in the caller's namespaces alone", async () => {
  const leader = new Leader();
  const jobs = new JobsApi(leader.context);
  const page = { limit: 10, offset: 0, stale: false };
  const listed = async (call: CallContext, filter = {}) => {
    const { jobs: found, total } = await jobs.listJobs({ ...page, ...filter }, call);
    return [total, ...found.map(({ id }) => id).sort()];
  };
  assert.deepEqual(await listed(ALL), [3, "blue-job", "default-job", "red-job"]);
  assert.deepEqual(await listed(ALL, { namespaces: ["blue"] }), [1, "blue-job"]);
  assert.deepEqual(await listed(RED), [1, "red-job"]);
  assert.deepEqual(await listed(callOf("red", "blue")), [2, "blue-job", "red-job"]);
  assert.deepEqual(await listed(RED, { queue: "q" }), [1, "red-job"]);
  assert.deepEqual(await listed(callOf()), [0]);
  const settings = new TypesAndQueuesApi(leader.context);
  const types = await settings.listStandings("type", "", RED);
  assert.deepEqual(types.map(({ name, pending }) => [name, pending]), [["noop", 1]]);
  const queues = await settings.listStandings("queue", "", callOf("red", "blue"));
  assert.deepEqual(queues.map(({ name, pending }) => [name, pending]), [["q", 2]]);
  const health = await new ClusterApi(leader.context).clusterHealth(RED);
  assert.equal(health.pendingJobs, 1);
  assert.equal(health.workers, 1, "those that work for it alone, as `workers` lists them");
  assert.equal((await new ClusterApi(leader.context).clusterHealth(ALL)).workers, 3);
  const workers = new WorkersApi(leader.context, () => {});
  const EVERY = { status: "", limit: 0, cursor: "", stale: false };
  assert.deepEqual((await workers.listWorkers(EVERY, RED)).workers.map(({ id }) => id), ["red"]);
  const missing = await refusalOf("x", () => workers.getWorker("x", RED));
  for (const id of ["blue", "any"]) {
    assert.equal(await refusalOf(id, () => workers.getWorker(id, RED)), missing);
    assert.equal(
      await refusalOf(id, () => workers.drainWorker(id, { draining: true }, RED)),
      missing,
    );
  }
});

Deno.test("slots that others' jobs hold are not counted for who sees some namespaces alone", () => {
  const leader = new Leader();
  leader.submit("more", {});
  leader.assign("red-job", "red");
  leader.assign("blue-job", "blue");
  leader.assign("more", "any");
  const live = new Live(leader.context);
  try {
    const none = { draining: 0, disconnected: 0 };
    assert.deepEqual(live.now().workers, { total: 3, active: 3, slots: 27, busy: 3, ...none });
    const red = { total: 1, active: 1, slots: 9, busy: 1, ...none };
    assert.deepEqual(live.now(["red"]).workers, red);
    const both = { total: 2, active: 2, slots: 18, busy: 2, ...none };
    assert.deepEqual(live.now(["red", "blue"]).workers, both);
    assert.equal(live.now([]).workers.total, 0);
  } finally {
    live.stop();
  }
});

Deno.test("how many jobs come first in a queue is told to whoever sees all of them alone", async () => {
  const leader = new Leader();
  for (let each = 0; each < 9; each++) {
    for (const worker of ["red", "any"]) {
      leader.submit(`${worker}-${each}`, { namespace: "red" });
      leader.assign(`${worker}-${each}`, worker);
    }
  }
  leader.submit("last", { namespace: "red", options: { queue: "q" } });
  const jobs = new JobsApi(leader.context);
  const codes = async (call: CallContext) =>
    (await jobs.getJob("last", { stale: false }, call)).reasons.map(({ code }) => code);
  assert.deepEqual(await codes(ALL), ["workers_full", "jobs_ahead"]);
  assert.deepEqual(await codes(RED), ["workers_full"]);
});

Deno.test("an operation on many touches the caller's namespaces alone", async () => {
  const leader = new Leader();
  const bulk = new BulkApi(leader.context);
  const everything = { filter: { queue: "q" }, dryRun: false };
  assert.deepEqual(await bulk.cancelJobs(everything, "", RED), { matched: 1, changed: 1 });
  assert.equal(leader.machine.get("blue-job")?.status, "pending");
  assert.deepEqual(leader.audited[0]?.call?.namespaces, ["red"]);
  assert.match(leader.audited[0]?.target ?? "", /namespace=red/);
});

Deno.test("batches of one name are one for each namespace", async () => {
  const leader = new Leader();
  const batches = new BatchesApi(leader.context);
  const query = { limit: 9, cursor: "", isUnfinished: false, namespace: "" };
  assert.equal((await batches.listBatches(query, ALL)).batches.length, 2);
  const [only] = (await batches.listBatches(query, RED)).batches;
  assert.equal(only?.namespace, "red");
  const first = await batches.listBatches({ ...query, limit: 1 }, ALL);
  const second = await batches.listBatches({ ...query, cursor: first.nextCursor }, ALL);
  assert.deepEqual(
    [...first.batches, ...second.batches].map(({ namespace }) => namespace),
    ["blue", "red"],
  );
  const get = (namespace: string, call: CallContext) =>
    refusalOf("-", () => batches.getBatch({ id: "b", namespace }, { stale: true }, call));
  assert.equal(await get("", RED), "done");
  assert.match(await get("", ALL), /^not_found: .*in namespace default/);
  assert.match(await get("blue", RED), /^permission_denied: .*red alone, not for blue/);
  await batches.cancelBatch({ id: "b", namespace: "" }, "", RED);
  assert.equal(leader.machine.get("red-job")?.status, "cancelled");
  assert.equal(leader.machine.get("blue-job")?.status, "pending");
});

Deno.test("the namespace of what is new or named follows from the call, or else from the caller", () => {
  assert.equal(namespaceFor("", ALL), "default");
  assert.equal(namespaceFor("blue", ALL), "blue");
  assert.equal(namespaceFor("", RED), "red");
  assert.equal(namespaceFor("red", callOf("red", "blue")), "red");
  const refused: [string, CallContext, RegExp][] = [
    ["", callOf("red", "blue"), /invalid: .*may use the namespaces red, blue: name one/],
    ["green", RED, /permission_denied: .*for the namespace red alone, not for green/],
    ["default", RED, /permission_denied/],
    ["a b", ALL, /invalid: namespace "a b" is not a name/],
    ["", callOf(), /permission_denied: .*no namespace/],
  ];
  for (const [named, call, expected] of refused) {
    assert.throws(() => namespaceFor(named, call), (failure) => {
      assert.ok(failure instanceof Refusal);
      assert.match(`${failure.reason}: ${failure.message}`, expected);
      return true;
    });
  }
  assert.equal(namespacesFor("", ALL), undefined);
  assert.deepEqual(namespacesFor("", RED), ["red"]);
  assert.deepEqual(narrowed({ type: "t", namespaces: ["red"] }, RED), {
    type: "t",
    namespaces: ["red"],
  });
  assert.throws(() => narrowed({ namespaces: ["blue"] }, RED), Refusal);
});

const announced = {
  ...{ incarnation: "i", address: "", slots: 1, jobTypes: ["noop"], tags: {}, version: "" },
  ...{ cpuMillis: 0, memoryBytes: 0, running: [] },
};
const link = { send: () => true, close() {} };

Deno.test("a worker is registered for what its token is for, however it comes", async () => {
  const leader = new Leader();
  const workers = new WorkersApi(leader.context, () => {});
  await workers.registerWorker({ ...announced, workerId: "unary" }, RED);
  await workers.openWorkerSession({ ...announced, workerId: "stream" }, link, RED);
  await workers.openWorkerSession({ ...announced, workerId: "free", namespaces: [] }, link, ALL);
  const found = ["unary", "stream", "free"].map((id) => leader.machine.worker(id)?.namespaces);
  assert.deepEqual(found, [["red"], ["red"], undefined]);
  const greedy = { ...announced, workerId: "greedy", namespaces: ["red", "blue"] };
  await assert.rejects(workers.registerWorker(greedy, RED), /for the namespace red alone/);
});

Deno.test("a worker that comes back to another cluster is sent away before anything is written", async () => {
  const leader = new Leader();
  const workers = new WorkersApi(leader.context, () => {});
  const stray = { ...announced, workerId: "stray", clusterId: "c2" };
  await assert.rejects(workers.openWorkerSession(stray, link, ALL), {
    reason: "failed_precondition",
    message: 'this master is of cluster c1, and worker "stray" comes back to cluster c2',
  });
  assert.equal(leader.machine.worker("stray"), undefined);
  for (const clusterId of ["", "c1"]) {
    const own = { ...announced, workerId: `own${clusterId}`, clusterId };
    await workers.openWorkerSession(own, link, ALL);
    assert.ok(leader.machine.worker(own.workerId) !== undefined);
  }
});

Deno.test("a worker gets the jobs of the namespaces that it wants and its token is for", () => {
  assert.deepEqual(servedBy({}, ALL), []);
  assert.deepEqual(servedBy({}, RED), ["red"]);
  assert.deepEqual(servedBy({ namespaces: ["blue", "blue"] }, ALL), ["blue"]);
  assert.throws(() => servedBy({ namespaces: ["blue"] }, RED), Refusal);
  assert.throws(() => servedBy({}, callOf()), Refusal);
  assert.ok(isOwn({}, ALL));
  assert.ok(isOwn({ namespaces: ["red"] }, RED));
  assert.ok(!isOwn({}, RED));
  assert.ok(!isOwn({ namespaces: ["red", "blue"] }, RED));
});
