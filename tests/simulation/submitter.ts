/** Clients of the job machine: submit under keys, look, and cancel, each again until answered. */

import type { CancelOutcome, JobOptions, SettingsScope } from "../../src/jobs/mod.ts";
import { ReadRefused } from "../../src/raft/mod.ts";
import { Asker } from "./asker.ts";
import type { JobWorld } from "./job_actors.ts";
import { keyOf, statusSeen } from "./job_history.ts";
import type { Random } from "./random.ts";

/** Several clients use these, each for its own submission of the same job. */
const SHARED_KEYS = 40;
/** What is paused and limited now and then. */
const SETTINGS: readonly (readonly [SettingsScope, string])[] = [
  ["type", "a"],
  ["queue", "q1"],
  ["queue", "default"],
];
/** Without an answer for this long, a read goes to another node, in ms. */
const READ_PATIENCE_MS = 300;

/** See the module's text. */
export class Submitter {
  readonly #id: string;
  readonly #jobs: JobWorld;
  readonly #asker: Asker;
  readonly #random: Random;
  #count = 0;
  #tries = 0;

  constructor(id: string, jobs: JobWorld) {
    this.#id = id;
    this.#jobs = jobs;
    this.#asker = new Asker(jobs, { atLeastMs: 20, spreadMs: 120 }, () => this.#act());
    this.#random = this.#asker.random;
  }

  get busy(): number {
    return this.#asker.busy;
  }

  /** Begins nothing new. */
  stop(): void {
    this.#asker.stop();
    this.#release();
  }

  #act(): void {
    const known = this.#asker.made.length > 0;
    if (this.#random.chance(0.05)) this.#configure();
    else if (known && this.#random.chance(0.12)) this.#cancel();
    else if (known && this.#random.chance(0.4)) this.#get();
    else this.#submit();
  }

  #submit(): void {
    const key = this.#random.chance(0.15)
      ? `k-${this.#random.below(SHARED_KEYS)}`
      : `${this.#id}-${++this.#count}`;
    const timeoutMs = this.#random.pick([0, 150, 1000]);
    const maxRetries = this.#random.below(4);
    const options = this.#random.chance(0.7) ? this.#options() : {};
    const call = this.#jobs.history.begin(key, "submit");
    this.#asker.ask(() => ({
      kind: "submit",
      jobs: [{
        id: `${key}.${this.#id}/${++this.#tries}`,
        type: this.#random.pick(["a", "b"]),
        payload: new Uint8Array([this.#count % 256]),
        fingerprint: key,
        priority: this.#random.below(3),
        maxRetries,
        timeoutMs,
        retryDelayMs: 40,
        idempotencyKey: key,
        options,
      }],
    }), (outcome) => {
      const result = outcome.kind === "submit" ? outcome.results[0] : undefined;
      if (result === undefined || result.status === "refused") return;
      this.#jobs.history.end(call, "there", result.jobId);
      this.#asker.knows(result.jobId);
    });
  }

  #options(): Partial<JobOptions> {
    const rate = { count: 1, perMs: 250, burst: 3 };
    return {
      queue: this.#random.pick(["", "q1", "q2"]),
      ...(this.#random.chance(0.6) && { group: "g", groupLimit: this.#random.between(1, 2) }),
      ...(this.#random.chance(0.2) && { rateKey: "api", rate }),
    };
  }

  /** Pauses, limits and weighs, and takes it back. */
  #configure(): void {
    const [scope, name] = this.#random.pick(SETTINGS);
    const change = this.#random.chance(0.4) ? null : {
      paused: this.#random.chance(0.5),
      runningMax: this.#random.below(3),
      ...(scope === "queue" && { weight: this.#random.between(1, 4) }),
    };
    this.#settle(scope, name, change);
  }

  #settle(scope: SettingsScope, name: string, change: object | null): void {
    this.#asker.ask(() => ({
      kind: "configure",
      scope,
      name,
      change,
      by: this.#id,
      easesRate: true,
    }));
  }

  /** In the end nothing stays paused or limited, whatever of that is still on its way. */
  #release(): void {
    this.#jobs.world.after(300, () => {
      this.#jobs.cluster.leader?.call((_, { jobs }) => {
        for (const [scope, name] of SETTINGS) {
          const standing = jobs.standings(scope).find((each) => each.name === name);
          const { paused = false, runningMax = 0 } = standing?.settings ?? {};
          if (paused || runningMax > 0) this.#settle(scope, name, null);
        }
      });
      this.#release();
    });
  }

  #cancel(): void {
    const jobId = this.#pickKnown();
    const call = this.#jobs.history.begin(keyOf(jobId), "cancel", jobId);
    this.#asker.ask(
      () => ({ kind: "cancel", jobIds: [jobId], reason: "", by: this.#id }),
      (outcome) => {
        const result = outcome.kind === "cancel" ? outcome.results[0] : undefined;
        if (result !== undefined) this.#jobs.history.end(call, answerOf(result));
      },
    );
  }

  /** A linearizable read at any node. */
  #get(): void {
    const { world, cluster, history } = this.#jobs;
    const jobId = this.#pickKnown();
    const call = history.begin(keyOf(jobId), "get", jobId);
    this.#asker.busy++;
    const tryOnce = () => {
      let over = false;
      const again = () => {
        if (over) return;
        over = true;
        world.after(10 + this.#random.below(30), tryOnce);
      };
      const node = cluster.node(this.#random.pick(cluster.ids));
      const reached = node.call((raft, machine) => {
        raft.readIndex().then(() => {
          const status = statusSeen(machine.jobs.get(jobId)?.status);
          world.after(1 + this.#random.next(), () => {
            if (over) return;
            over = true;
            this.#asker.busy--;
            history.end(call, status);
          });
        }, (error: unknown) => {
          if (!(error instanceof ReadRefused)) throw error;
          again();
        });
      });
      if (!reached) again();
      world.after(READ_PATIENCE_MS, again);
    };
    world.after(this.#random.next() * 2, tryOnce);
  }

  /** Mostly a recent one, about which something is still to be decided. */
  #pickKnown(): string {
    return this.#random.pick(
      this.#random.chance(0.8) ? this.#asker.made.slice(-4) : this.#asker.made,
    );
  }
}

function answerOf(outcome: CancelOutcome): string {
  if (outcome.status === "cancelled") return "cancelled";
  return outcome.reason === "unknown_job" ? "absent" : statusSeen(outcome.jobStatus);
}
