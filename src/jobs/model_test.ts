import assert from "node:assert/strict";
import fc from "fast-check";
import type { Command, Outcome } from "./command.ts";
import { isTerminal, JOB_STATUSES, type LogPosition } from "./job.ts";
import {
  BACKOFF_KINDS,
  DEPENDENCY_CONDITIONS,
  DEPENDENCY_FAILURES,
  type JobOptions,
  UNIQUE_MODES,
} from "./job_options.ts";
import { JobMachine, type JobMachineOptions } from "./machine.ts";
import { MemoryJobStore } from "./memory_store.ts";
import {
  batchNameOf,
  CRASHES_MAX,
  KEY_RETENTION_MS,
  type NaiveJob,
  NaiveModel,
} from "./naive_model_test_support.ts";
import { queueName } from "./naive_limits_test_support.ts";
import type { NaiveSchedule } from "./naive_schedules_test_support.ts";
import { scheduleOf, specOf, workerOf } from "./scene_test_support.ts";
import type { OverlapPolicy } from "./schedule.ts";
import { REVOKED_KINDS } from "./security_command.ts";
import type { SettingsScope } from "./settings.ts";

const AGEING_MS = 1000;

const options: JobMachineOptions = {
  priorityAgeingMs: AGEING_MS,
  crashesMax: CRASHES_MAX,
  keyRetentionMs: KEY_RETENTION_MS,
  payloadMemoryBytesMax: 40,
};

// Few names, so that what happens happens to the same things.
const jobId = fc.constantFrom("a", "b", "c", "d", "e", "f");
const workerId = fc.constantFrom("w1", "w2");
const session = fc.constantFrom("s1", "s2");
const type = fc.constantFrom("resize", "crawl");
const namespace = fc.constantFrom(undefined, undefined, "red");
const tags = fc.constantFrom<Record<string, string>>({}, {}, { gpu: "yes" });

/** A token as the log has it; resolved when the command is made. */
const tokenChoice = fc.constantFrom("current", "current", "current", "older", "none");

/** What may happen, with what only the moment decides left open. */
type Step =
  | { readonly kind: "command"; readonly afterMs: number; readonly make: (now: Now) => Body }
  | { readonly kind: "flush" }
  | { readonly kind: "crash" };
type Body = { [Kind in Command["kind"]]: Omit<Command & { kind: Kind }, "atMs"> }[Command["kind"]];

interface Now {
  readonly machine: JobMachine;
  token(jobId: string, choice: string): number;
}

const rate = fc.constantFrom(
  null,
  { count: 1, perMs: 1000, burst: 1 },
  { count: 3, perMs: 1000, burst: 2 },
);

/** What asks for nothing is drawn most often: most jobs ask for little. */
const jobOptions: fc.Arbitrary<Partial<JobOptions>> = fc.record({
  backoff: fc.constantFrom(...BACKOFF_KINDS),
  retryDelayMaxMs: fc.constantFrom(0, 400),
  nonRetryableErrors: fc.constantFrom([], [], ["yes"], ["no"]),
  expireAfterMs: fc.constantFrom(0, 0, 0, 900, 70_000),
  uniqueKey: fc.constantFrom("", "", "u1", "u2"),
  uniqueMode: fc.constantFrom(...UNIQUE_MODES),
  dependencies: fc.array(fc.record({ jobId, on: fc.constantFrom(...DEPENDENCY_CONDITIONS) }), {
    maxLength: 2,
  }),
  whenDependencyFails: fc.constantFrom(...DEPENDENCY_FAILURES),
  batchId: fc.constantFrom("", "b1", "b2"),
  tagRules: fc.constantFrom([], [], [{ tag: "gpu", op: "exists" as const, values: [] }]),
  cpuMillis: fc.constantFrom(0, 0, 500),
  queue: fc.constantFrom("", "", "q1", "q2"),
  group: fc.constantFrom("", "g1", "g1", "g2"),
  groupLimit: fc.constantFrom(1, 1, 2),
  rateKey: fc.constantFrom("", "r1"),
  rate,
}, { requiredKeys: [] });

const submit = fc.record({
  jobs: fc.array(
    fc.record({
      id: jobId,
      type,
      payload: fc.constantFrom(new Uint8Array([1]), new Uint8Array([2, 3])),
      priority: fc.integer({ min: -1, max: 1 }),
      maxRetries: fc.nat(2),
      retryDelayMs: fc.constantFrom(0, 1000),
      delayMs: fc.constantFrom(0, 0, 5000),
      key: fc.constantFrom(undefined, undefined, "k1", "k2"),
      submittedBy: fc.constantFrom("ann", "bob"),
      namespace,
      requiredTags: tags,
      options: fc.option(jobOptions, { nil: undefined }),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  allOrNothing: fc.boolean(),
  liveJobsMax: fc.constantFrom(undefined, 3),
  clientJobsMax: fc.constantFrom(undefined, undefined, 2),
  keyRetentionMs: fc.constantFrom(undefined, 400, 3_000),
}).map(
  ({ jobs, allOrNothing, liveJobsMax, clientJobsMax, keyRetentionMs }) => (now: Now): Body => ({
    kind: "submit",
    jobs: jobs.map(({ delayMs, key, options, ...spec }) =>
      specOf(spec.id, {
        ...spec,
        ...(options !== undefined && { options }),
        ...(delayMs > 0 && { notBeforeMs: now.machine.nowMs + delayMs }),
        ...(key !== undefined && { idempotencyKey: key }),
      })
    ),
    allOrNothing,
    ...(liveJobsMax !== undefined && { liveJobsMax }),
    ...(clientJobsMax !== undefined && { clientJobsMax }),
    ...(keyRetentionMs !== undefined && { keyRetentionMs }),
  }),
);

const assign = fc.array(fc.record({ jobId, workerId, sessionId: session }), {
  minLength: 1,
  maxLength: 3,
}).map((assignments) => (): Body => ({ kind: "assign", assignments }));

/** To whoever could take it, so that most attempts begin. */
const assignWell = jobId.map((id) => ({ machine }: Now): Body => {
  const worker = machine.workers().find(({ status }) => status === "active");
  const to = { workerId: worker?.id ?? "w1", sessionId: worker?.sessionId ?? "s1" };
  return { kind: "assign", assignments: [{ jobId: id, ...to }] };
});

const report = fc.record({
  jobId,
  workerId: fc.option(workerId, { freq: 4 }),
  token: tokenChoice,
  kind: fc.constantFrom("started", "completed", "failed", "released"),
  permanent: fc.boolean(),
  timedOut: fc.boolean(),
}).map(({ jobId, workerId, token, kind, permanent, timedOut }) => (now: Now): Body => {
  const base = {
    jobId,
    token: now.token(jobId, token),
    workerId: workerId ?? now.machine.get(jobId)?.assignedTo ?? "",
  };
  const output = new Uint8Array([9]);
  switch (kind) {
    case "started":
      return { kind: "report", reports: [{ kind, ...base }] };
    case "completed":
      return {
        kind: "report",
        reports: [{ kind, ...base, output, contentType: "x", durationMs: 1, logTail: ["done"] }],
      };
    case "failed":
      return {
        kind: "report",
        reports: [{ kind, ...base, error: "no", permanent, timedOut, durationMs: 1, output }],
      };
    default:
      return { kind: "report", reports: [{ kind: "released", ...base, reason: "drain" }] };
  }
});

/** Undefined: by a leader that does not tell crashes from silence. */
const crashLimit = fc.constantFrom(undefined, 1, 1, 2);

const register = fc.record({
  workerId,
  sessionId: session,
  slots: fc.integer({ min: 1, max: 2 }),
  jobTypes: fc.constantFrom(null, ["resize"]),
  tags,
  cpuMillis: fc.constantFrom(0, 500, 900),
  running: fc.option(fc.subarray(["a", "b", "c"])),
  token: fc.constantFrom("current", "current", "older"),
  typeSlots: fc.constantFrom<Record<string, number>>({}, {}, { resize: 1 }),
  namespaces: fc.constantFrom(undefined, undefined, ["default"], ["red", "blue"]),
  crashLimit,
}).map(({ workerId, running, token, crashLimit, ...spec }) => (now: Now): Body => ({
  kind: "register_worker",
  worker: workerOf(workerId, spec),
  ...(crashLimit !== undefined && { crashLimit }),
  ...(running !== null && {
    runningAttempts: running.map((jobId) => ({ jobId, token: now.token(jobId, token) })),
  }),
}));

const others = fc.oneof(
  jobId.map((id) => (): Body => ({ kind: "cancel", jobIds: [id], reason: "r", by: "ann" })),
  jobId.map((id) => (): Body => ({ kind: "redrive", jobIds: [id] })),
  fc.record({ workerId, sessionId: session, crashLimit }).map(
    ({ crashLimit, ...who }) => (): Body => ({
      kind: "expire_worker",
      ...who,
      reason: "silent",
      ...(crashLimit !== undefined && { crashLimit }),
    }),
  ),
  fc.record({ workerId, sessionId: session }).map((who) => (): Body => ({
    kind: "deregister_worker",
    ...who,
  })),
  fc.record({ workerId, draining: fc.boolean(), by: fc.constantFrom("operator", "worker") }).map(
    (drain) => (): Body => ({ kind: "drain_worker", ...drain } as Body),
  ),
  fc.record({
    jobId,
    token: tokenChoice,
    reason: fc.constantFrom("timeout" as const, "not_started" as const, "drained" as const),
  }).map(({ jobId, token, reason }) => (now: Now): Body => ({
    kind: "expire_attempts",
    attempts: [{ jobId, token: now.token(jobId, token), reason }],
  })),
  fc.constant((): Body => ({ kind: "advance" })),
  fc.record({
    target: fc.constantFrom(
      { scope: "type", name: "resize" },
      { scope: "queue", name: "q1" },
      { scope: "queue", name: "ann" },
    ),
    change: fc.option(
      fc.record({
        paused: fc.constantFrom(false, false, true),
        runningMax: fc.nat(2),
        rate,
        weight: fc.integer({ min: 1, max: 3 }),
      }, { requiredKeys: [] }),
    ),
    by: fc.constantFrom("ann", "bob"),
  }).map(({ target, change, by }) => (): Body => ({
    kind: "configure",
    ...target as { scope: SettingsScope; name: string },
    change,
    by,
  })),
  fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 3 }).map((jobSeqs) => (): Body => ({
    kind: "prune",
    jobSeqs: [...new Set(jobSeqs)],
  })),
);

const schedule = fc.constantFrom("n1", "n2");

const putSchedule = fc.record({
  name: schedule,
  namespace,
  overlap: fc.constantFrom("skip", "allow", "queue", "queue", "replace"),
  replace: fc.boolean(),
  dueInMs: fc.constantFrom(1, 1000, -600, 0),
  type,
  maxRetries: fc.nat(1),
  options: fc.constantFrom<Partial<JobOptions>>(
    {},
    { expireAfterMs: 1500 },
    { uniqueKey: "u1", uniqueMode: "existing" },
  ),
}).map(({ name, namespace, overlap, replace, dueInMs, ...spec }) => ({ machine }: Now): Body => ({
  kind: "put_schedule",
  schedule: scheduleOf(name, {
    ...(namespace !== undefined && { namespace }),
    overlap: overlap as OverlapPolicy,
    template: specOf("", spec),
  }),
  replace,
  nextAtMs: dueInMs === 0 ? 0 : Math.max(1, machine.nowMs + dueInMs),
  schedulesMax: 2,
}));

const alterSchedule = fc.record({
  name: schedule,
  namespace,
  to: fc.constantFrom("paused", "paused", "active", "active", "removed"),
  isStale: fc.boolean(),
}).map(({ name, namespace, to, isStale }) => ({ machine }: Now): Body => ({
  kind: "alter_schedule",
  name,
  ...(namespace !== undefined && { namespace }),
  to: to as "paused",
  nextAtMs: machine.nowMs + 500,
  revision: (machine.schedule(name, namespace)?.revision ?? 0) + (isStale ? 1 : 0),
}));

/** Mostly as a leader would, and in each of the ways in which one could be late or wrong. */
const fireSchedule = fc.record({
  name: schedule,
  namespace,
  slip: fc.constantFrom("", "", "", "", "revision", "due", "order", "next", "trigger"),
  jobIds: fc.array(jobId, { minLength: 1, maxLength: 2 }),
  missed: fc.nat(2),
  liveJobsMax: fc.constantFrom(undefined, 4),
  key: fc.constantFrom(undefined, "k1", "k2"),
  keyRetentionMs: fc.constantFrom(undefined, 400, 3_000),
}).map((drawn) => ({ machine }: Now): Body => {
  const { name, namespace, slip, jobIds, missed, liveJobsMax, key, keyRetentionMs } = drawn;
  const { nextAtMs = 1, revision = 1 } = machine.schedule(name, namespace) ?? {};
  const named = { name, ...(namespace !== undefined && { namespace }) };
  const times = jobIds.map((_, at) => nextAtMs + at);
  if (slip === "order") times.reverse();
  const jobs = jobIds.map((jobId, at) => ({ jobId, scheduledAtMs: times[at]! }));
  return {
    kind: "fire_schedule",
    fires: [
      slip === "trigger"
        ? {
          kind: "triggered",
          ...named,
          jobId: jobIds[0]!,
          ...(key !== undefined && { idempotencyKey: key }),
        }
        : {
          kind: "due",
          ...named,
          revision: revision + (slip === "revision" ? 1 : 0),
          dueAtMs: nextAtMs - (slip === "due" ? 1 : 0),
          runs: jobs,
          missed,
          nextAtMs: nextAtMs + (slip === "next" ? 0 : 700),
        },
    ],
    ...(liveJobsMax !== undefined && { liveJobsMax }),
    ...(keyRetentionMs !== undefined && { keyRetentionMs }),
  };
});

const untilMs = fc.constantFrom(1_000_500, 1_080_000, 9_000_000);

/** Few tokens, so that they are used and revoked again and again. */
const trust = fc.oneof(
  fc.record({
    what: fc.constantFrom(...REVOKED_KINDS),
    id: fc.constantFrom("x", "y"),
    untilMs: fc.oneof(untilMs, fc.constant(0)),
  }).map((revocation) => (): Body => ({
    kind: "revoke",
    revocations: [revocation],
    by: "ann",
    reason: "lost",
  })),
  fc.record({
    family: fc.constantFrom("x", "y", "z"),
    generation: fc.nat(2),
    requestDigest: fc.constantFrom("", "r1", "r2"),
    untilMs,
  }).map((use) => (): Body => ({ kind: "rotate_token", subject: "bob", ...use })),
  fc.record({ tokenId: fc.constantFrom("x", "y"), usedBy: fc.constantFrom("m1", "m2"), untilMs })
    .map((use) => (): Body => ({ kind: "use_token", ...use })),
  fc.record({ text: fc.constantFrom("p", "q"), expectedRevision: fc.nat(2) })
    .map((set) => (): Body => ({ kind: "set_policy", ...set, by: "ann" })),
);

/** At what is there to be redriven or forgotten, so that it often happens. */
const aimed = fc.oneof(
  fc.constant(({ machine }: Now): Body => ({
    kind: "redrive",
    jobIds: machine.list({ deadLetter: true, limit: 1 }).jobs.map(({ id }) => id),
  })),
  fc.nat(2).map((place) => ({ machine }: Now): Body => ({
    kind: "prune",
    jobSeqs: machine.list({}).jobs.filter(({ completedAtMs }) => completedAtMs > 0)
      .slice(place, place + 1).map(({ seq }) => seq),
  })),
);

const afterMs = fc.constantFrom(0, 1, 300, 1500, 70_000, -5000);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant("command" as const),
      afterMs,
      make: fc.oneof(
        submit,
        assign,
        assignWell,
        assignWell,
        report,
        report,
        register,
        others,
        aimed,
        fc.oneof(putSchedule, fireSchedule, fireSchedule, alterSchedule),
        trust,
      ),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: "flush" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "crash" as const }) },
);

Deno.test("the machine does what a naive model does, through flushes and crashes", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100, size: "max" }), (steps) => new Run().all(steps)),
    { numRuns: 1000 },
  );
});

/** One history, on the machine, on the model, and on a replica that never flushes. */
class Run {
  readonly #store = new MemoryJobStore();
  #machine = new JobMachine(this.#store, options);
  readonly #replica = new JobMachine(new MemoryJobStore(), options);
  readonly #model = new NaiveModel();
  readonly #log: { readonly command: Command; readonly position: LogPosition }[] = [];
  #clockMs = 1_000_000;

  all(steps: readonly Step[]): void {
    for (const each of steps) this.#take(each);
    assert.equal(this.#machine.stateHash(), this.#replica.stateHash());
  }

  #take(step: Step): void {
    if (step.kind === "flush") {
      this.#machine.flush();
    } else if (step.kind === "crash") {
      const hash = this.#machine.stateHash();
      this.#machine = new JobMachine(this.#store, options);
      for (const { command, position } of this.#log.slice(this.#machine.applied.index)) {
        this.#machine.apply(command, position);
      }
      assert.equal(this.#machine.stateHash(), hash);
    } else {
      this.#apply(step);
    }
    this.#compare();
  }

  #apply(step: Step & { kind: "command" }): void {
    const machine = this.#machine;
    const body = step.make({
      machine,
      token: (id, choice) => {
        const token = machine.get(id)?.token ?? 0;
        return choice === "none" ? 0 : choice === "older" ? Math.max(1, token - 1) : token;
      },
    });
    this.#clockMs += step.afterMs;
    const command = { ...body, atMs: this.#clockMs } as Command;
    const position = { index: this.#log.length + 1, term: 1 };
    this.#log.push({ command, position });
    const outcome = machine.apply(command, position);
    assert.deepEqual(this.#replica.apply(command, position), outcome);
    assert.deepEqual(wordsOf(outcome), this.#model.apply(command, position.index));
  }

  /** Everything that can be read, against the model. */
  #compare(): void {
    const machine = this.#machine;
    const model = this.#model;
    for (const expected of model.jobs) {
      assert.deepEqual(essence(machine, expected.id), expected);
      assert.equal(machine.payload(expected.id)?.length, machine.get(expected.id)?.payloadBytes);
    }
    const ids = model.jobs.map(({ id }) => id);
    assert.deepEqual(machine.list({ order: "oldest" }).jobs.map(({ id }) => id), ids);
    assert.deepEqual(machine.list({ limit: 2, offset: 1 }).jobs.map(({ id }) => id), [
      ...ids.toReversed().slice(1, 3),
    ]);
    for (const status of JOB_STATUSES) {
      const matching = model.jobs.filter((job) => job.status === status).map(({ id }) => id);
      const page = machine.list({ status, order: "oldest" });
      assert.deepEqual(page.jobs.map(({ id }) => id), matching);
      assert.equal(page.total, matching.length);
      assert.equal(machine.counts().byStatus[status], matching.length);
    }
    const dead = machine.list({ deadLetter: true, order: "oldest" });
    assert.deepEqual(
      dead.jobs.map(({ id }) => id),
      model.jobs.filter((job) => job.dead).map(({ id }) => id),
    );
    assert.equal(dead.total, dead.jobs.length);
    assert.equal(machine.counts().deadLetters, dead.jobs.length);
    this.#compareNamespaces();
    this.#compareBatches();
    this.#compareBacklog();
    this.#compareSchedules();
    this.#compareTrust();
    for (const worker of machine.workers()) {
      const held = model.held(worker.id);
      assert.deepEqual(machine.heldBy(worker.id).map(({ id }) => id), held.map(({ id }) => id));
      assert.equal(worker.activeJobs, held.length);
      const cpuMillis = held.reduce((sum, job) => sum + job.options.cpuMillis, 0);
      assert.equal(worker.cpuMillisHeld, cpuMillis);
    }
    assert.deepEqual(
      machine.workers().map(({ id }) => id),
      model.workers.map(({ id }) => id).sort(),
    );
  }

  /** Lists and counts of some namespaces are those of a cluster that has nothing else. */
  #compareNamespaces(): void {
    const machine = this.#machine;
    for (const namespaces of [["default"], ["red"], ["red", "default"], ["blue"], []]) {
      const own = this.#model.jobs.filter((job) => namespaces.includes(job.namespace));
      const page = machine.list({ namespaces, order: "oldest" });
      assert.deepEqual(page.jobs.map(({ id }) => id), own.map(({ id }) => id));
      assert.equal(page.total, own.length);
      const resizing = own.filter(({ type }) => type === "resize");
      assert.deepEqual(
        machine.list({ namespaces, type: "resize" }).jobs.map(({ id }) => id),
        resizing.map(({ id }) => id).reverse(),
      );
      assert.equal(
        machine.list({ namespaces, deadLetter: true }).total,
        own.filter((job) => job.dead).length,
      );
      for (const [status, count] of Object.entries(machine.counts(namespaces).byStatus)) {
        assert.equal(count, own.filter((job) => job.status === status).length);
      }
      for (const scope of ["type", "queue"] as const) {
        const unfinished = own.filter(({ status }) => !isTerminal(status));
        const nameOf = (job: NaiveJob) => scope === "type" ? job.type : queueName(job);
        const standings = machine.standings(scope, namespaces);
        assert.deepEqual(
          standings.map(({ name }) => name),
          [...new Set(unfinished.map(nameOf))].sort(),
        );
        for (const { name, counts } of standings) {
          const pending = unfinished.filter((job) =>
            nameOf(job) === name && job.status === "pending"
          );
          assert.equal(counts.pending, pending.length);
        }
      }
    }
    const there = [...new Set(this.#model.jobs.map(({ namespace }) => namespace))].sort();
    assert.deepEqual(machine.namespaces(), there);
  }

  #compareBatches(): void {
    const batches = [...this.#machine.batches()];
    const names = batches.map(({ id, namespace }) => `${namespace}/${id}`);
    assert.deepEqual(names.sort(), [...this.#model.batches.keys()].sort());
    for (const { id, namespace, submittedBy, total, byStatus } of batches) {
      const name = `${namespace}/${id}`;
      assert.deepEqual({ total, submittedBy }, this.#model.batches.get(name));
      const jobs = this.#model.jobs.filter((job) => batchNameOf(job) === name);
      for (const status of JOB_STATUSES) {
        assert.equal(byStatus[status], jobs.filter((job) => job.status === status).length);
      }
      assert.deepEqual(
        this.#machine.unfinishedOfBatch({ id, namespace }, 100).map((job) => job.id).sort(),
        jobs.filter(({ status }) => !isTerminal(status)).map((job) => job.id).sort(),
      );
    }
  }

  #compareTrust(): void {
    const { trust } = this.#machine;
    const model = this.#model.trust;
    assert.deepEqual(trust.sizes, {
      revocations: model.revocations.length,
      families: model.families.length,
      used: model.used.length,
    });
    for (const { what, id, untilMs, atMs } of trust.revocations()) {
      assert.deepEqual(model.find(what, id), { what, id, untilMs, atMs });
    }
    assert.equal(trust.policy.revision, model.policies.length);
    assert.equal(trust.policy.text, model.policies.at(-1) ?? "");
    for (const id of ["x", "y"]) {
      const isRevoked = model.find("certificate", id) !== undefined;
      assert.equal(trust.isCertificateRevoked(id), isRevoked);
      for (const issuedAtMs of [0, this.#model.nowMs + 1]) {
        const facts = { subject: id, tokenId: "x", family: "y", issuedAtMs };
        const since = model.find("subject", id)?.atMs ?? -1;
        const named = model.find("token", "x") ?? model.find("family", "y");
        assert.equal(trust.isTokenRevoked(facts), named !== undefined || issuedAtMs <= since);
      }
    }
  }

  #compareSchedules(): void {
    const machine = this.#machine;
    const model = this.#model.schedules.all.toSorted((a, b) =>
      `${a.name} ${a.namespace}` < `${b.name} ${b.namespace}` ? -1 : 1
    );
    assert.deepEqual(
      machine.schedules().map((each): NaiveSchedule => ({
        name: each.name,
        namespace: each.namespace ?? "default",
        overlap: each.overlap,
        revision: each.revision,
        paused: each.paused,
        nextAtMs: each.nextAtMs,
        lastAtMs: each.lastScheduledAtMs,
        actedAtMs: each.actedThroughMs,
        lastJob: each.lastJobId,
        runs: each.runs,
        skipped: each.skipped,
        missed: each.missed,
      })),
      model,
    );
    assert.deepEqual(
      [...machine.schedulesInDueOrder()].map((
        { name, namespace = "default" },
      ) => [name, namespace]),
      model.filter(({ paused, nextAtMs }) => !paused && nextAtMs > 0)
        .sort((a, b) => a.nextAtMs - b.nextAtMs).map(({ name, namespace }) => [name, namespace]),
    );
    for (const { name, namespace } of model) {
      const unfinished = this.#model.unfinished(name, namespace);
      assert.equal(machine.unfinishedRuns({ name, namespace }), unfinished.length);
    }
  }

  /** What a scheduler sees: jobs that nothing but a type or a queue holds back, in their order. */
  #compareBacklog(): void {
    const { jobs, limits, nowMs } = this.#model;
    const view = this.#machine.view();
    const pending = jobs.filter(({ status }) => status === "pending");
    const seen = [...view.shapes].flatMap((shape) => {
      let lastPass = 0;
      return all(shape.classes()).flatMap((each) => {
        const inClass = pending.filter((job) =>
          job.type === shape.type && job.namespace === shape.namespace &&
          queueName(job) === each.share.name &&
          JSON.stringify(job.tags) === JSON.stringify(shape.requiredTags) &&
          job.options.tagRules.length === shape.tagRules.length &&
          job.options.cpuMillis === shape.cpuMillis
        );
        const pass = Math.max(each.share.pass, view.clock);
        assert.equal(pass - view.clock, limits.passOf(each.share.name) - limits.clock);
        assert.ok(pass >= lastPass, "queues stand in the order of their passes");
        lastPass = pass;
        const isAllowed = [...shape.limits, ...each.limits].every(({ left }) => left >= 0);
        assert.equal(isAllowed, limits.gateRefusal(inClass[0]!, jobs, nowMs) === undefined);
        const lanes = all(each.lanes()).map((lane) => {
          assert.ok(lane.limits.every(({ left }) => left >= 0), "a closed lane is seen");
          return all(lane.inOrder()).map(({ id }) => id);
        });
        const order = inClass.sort((a, b) => this.#rank(a) - this.#rank(b) || a.order - b.order)
          .map(({ id }) => id);
        for (const lane of lanes) {
          assert.deepEqual(lane, order.filter((id) => lane.includes(id)), "a lane is in order");
        }
        const heads = lanes.map(([head]) => head!);
        assert.deepEqual(heads, order.filter((id) => heads.includes(id)), "lanes are in order");
        return lanes.flat();
      });
    });
    const expected = pending.filter((job) => limits.laneRefusal(job, jobs, nowMs) === undefined);
    assert.deepEqual(seen.sort(), expected.map(({ id }) => id).sort());
    for (const job of pending) {
      const opensMs = limits.rateOpensMs(job);
      if (opensMs > nowMs) assert.ok(this.#machine.nextDueMs! <= opensMs, "nobody will look again");
    }
  }

  #rank(job: NaiveJob): number {
    return this.#model.limits.queuedAtMs.get(job.order)! - job.priority * AGEING_MS;
  }
}

function all<Item>(iterator: Iterator<Item>): Item[] {
  const items: Item[] = [];
  for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
    items.push(next.value);
  }
  return items;
}

/** A job of the machine in the model's words. */
function essence(machine: JobMachine, id: string): NaiveJob | undefined {
  const job = machine.get(id);
  if (job === undefined) return undefined;
  const isHeld = job.status === "assigned" || job.status === "running";
  const ended = machine.attempts(id).filter(({ outcome }) => outcome !== "");
  assert.equal(machine.attempts(id).length, ended.length + (isHeld ? 1 : 0));
  return {
    id,
    type: job.type,
    namespace: job.namespace,
    status: job.status,
    priority: job.priority,
    order: job.seq,
    maxRetries: job.maxRetries,
    retryDelayMs: job.retryDelayMs,
    timeoutMs: job.timeoutMs,
    tags: { ...job.requiredTags },
    notBeforeMs: job.notBeforeMs,
    worker: job.assignedTo,
    attempt: job.attempt,
    token: job.token,
    failures: job.failures,
    crashes: job.crashCount,
    suspicions: job.suspicions,
    releases: job.releaseCount,
    dead: job.deadLetter,
    errorKind: job.errorKind,
    submittedBy: job.submittedBy,
    expiresAtMs: job.expiresAtMs,
    options: job.options,
    ended: ended.map(({ token, workerId, outcome }) => ({ token, worker: workerId, outcome })),
  };
}

/** An outcome in the model's words. */
function wordsOf(outcome: Outcome): string[] {
  switch (outcome.kind) {
    case "submit":
      return outcome.results.map((each) =>
        each.status === "refused"
          ? each.reason
          : each.status === "duplicate" || each.status === "existing"
          ? `${each.status} ${each.jobId}`
          : each.status
      );
    case "assign":
    case "cancel":
    case "redrive":
      return outcome.results.map((each) => each.status === "refused" ? each.reason : each.status);
    case "report":
      return outcome.results.map((each) =>
        each.status === "refused"
          ? each.reason
          : `${each.repeated ? "repeated" : "accepted"} ${each.jobStatus}`
      );
    case "expire_attempts":
      return outcome.results.map((each) =>
        each.status === "refused" ? each.reason : `ended ${each.jobStatus}`
      );
    case "register_worker":
      if (outcome.status === "refused") return [outcome.reason];
      return [
        ...[
          ...outcome.confirmed.map(({ jobId }) => `confirmed ${jobId}`),
          ...outcome.forgiven.map(({ jobId }) => `forgiven ${jobId}`),
        ].sort(),
        ...wordsInOrder(outcome.kept, outcome.foreign),
        ...outcome.lost.map(({ jobId, jobStatus }) => `lost ${jobId} ${jobStatus}`),
      ];
    case "expire_worker":
    case "deregister_worker":
      return outcome.status === "refused"
        ? [outcome.reason]
        : ["ended", ...outcome.ended.map(({ jobId, jobStatus }) => `${jobId} ${jobStatus}`)];
    case "drain_worker":
      return outcome.status === "refused" ? [outcome.reason] : ["done"];
    case "configure":
      return [outcome.status === "refused" ? outcome.reason : outcome.status];
    case "advance":
      return [];
    case "revoke":
      return [outcome.status === "refused" ? outcome.reason : `done ${outcome.changed}`];
    case "rotate_token":
      return outcome.status === "refused"
        ? [outcome.reason]
        : [`rotated ${outcome.generation}${outcome.repeated ? " again" : ""}`];
    case "use_token":
      return [
        outcome.status === "refused"
          ? outcome.reason
          : outcome.repeated
          ? "used again"
          : "used now",
      ];
    case "set_policy":
      return [outcome.status === "refused" ? outcome.reason : `done ${outcome.revision}`];
    case "prune":
      return [String(outcome.removedJobs)];
    case "put_schedule":
      return [outcome.status === "refused" ? outcome.reason : outcome.status];
    case "alter_schedule":
      return [outcome.status === "refused" ? outcome.reason : `done ${outcome.changed}`];
    case "fire_schedule":
      return outcome.results.flatMap((each) =>
        each.status === "refused"
          ? [each.reason]
          : each.runs.map((run) =>
            run.status === "submitted" && run.repeated ? `repeated ${run.jobId}` : run.status
          )
      );
  }
}

/** The running attempts were listed by job id, so both parts are merged back by it. */
function wordsInOrder(
  kept: readonly { jobId: string }[],
  foreign: readonly { jobId: string }[],
): string[] {
  const words = [
    ...kept.map(({ jobId }) => ({ jobId, word: `kept ${jobId}` })),
    ...foreign.map(({ jobId }) => ({ jobId, word: `foreign ${jobId}` })),
  ];
  return words.sort((a, b) => (a.jobId < b.jobId ? -1 : 1)).map(({ word }) => word);
}
