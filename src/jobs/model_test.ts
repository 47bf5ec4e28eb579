import assert from "node:assert/strict";
import fc from "fast-check";
import type { Command } from "./command.ts";
import { isTerminal, JOB_STATUSES, type LogPosition } from "./job.ts";
import { JobMachine } from "./machine.ts";
import { MemoryJobStore } from "./memory_store.ts";
import { batchNameOf, type NaiveJob } from "./naive_job_test_support.ts";
import { NaiveModel } from "./naive_model_test_support.ts";
import { queueName } from "./naive_limits_test_support.ts";
import type { NaiveSchedule } from "./naive_schedules_test_support.ts";
import { AGEING_MS, options, type Step, step } from "./model_steps_test_support.ts";
import { all, essence, wordsOf } from "./model_words_test_support.ts";

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
      model.workers.all.map(({ id }) => id).sort(),
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
