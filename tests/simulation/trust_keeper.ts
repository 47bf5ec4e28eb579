/** Uses, renews and revokes tokens and sets the policy, each again until answered. */

import type { JobWorld } from "./job_actors.ts";
import type { Random } from "./random.ts";

/** So far ahead that nothing is forgotten meanwhile, in ms. */
const UNTIL_MS = 1e15;

/** See the module's text. */
export class TrustKeeper {
  readonly #jobs: JobWorld;
  readonly #random: Random;
  /** Generations of refresh tokens that this holder was given last. */
  readonly #held = new Map<string, number>();
  #isStopping = false;
  #asked = 0;
  #count = 0;

  constructor(jobs: JobWorld) {
    this.#jobs = jobs;
    this.#random = jobs.world.random.fork();
    this.#next();
  }

  stop(): void {
    this.#isStopping = true;
  }

  /** What is still to be done, or undefined. */
  get unrest(): string | undefined {
    return this.#asked > 0 ? "a change of trust has no answer" : undefined;
  }

  #next(): void {
    const { world, cluster } = this.#jobs;
    world.after(20 + this.#random.next() * 160, () => {
      if (this.#isStopping) return;
      if (world.nowMs >= cluster.quietUntilMs) this.#act();
      this.#next();
    });
  }

  #act(): void {
    const chance = this.#random.next();
    if (chance < 0.3) this.#use();
    else if (chance < 0.8) this.#renew();
    else if (chance < 0.9) this.#revoke();
    else this.#setPolicy();
  }

  #use(): void {
    const [tokenId, usedBy] = [`t${this.#random.below(4)}`, `m${this.#random.below(3)}`];
    this.#ask(() => ({ kind: "use_token", tokenId, usedBy, untilMs: UNTIL_MS }));
  }

  /** Mostly with a key, so that a lost answer is asked for again; now and then with an old token. */
  #renew(): void {
    const family = `f${this.#random.below(3)}.${Math.floor(this.#count++ / 40)}`;
    const held = this.#held.get(family) ?? 0;
    const generation = this.#random.chance(0.15) ? Math.max(0, held - 1) : held;
    const requestDigest = this.#random.chance(0.8) ? `k${this.#count}` : "";
    this.#ask(
      () => ({
        kind: "rotate_token",
        family,
        subject: "bob",
        generation,
        requestDigest,
        untilMs: UNTIL_MS,
      }),
      (outcome) => {
        if (outcome.kind === "rotate_token" && outcome.status === "rotated") {
          this.#held.set(family, outcome.generation);
        }
      },
    );
  }

  #revoke(): void {
    const id = `f${this.#random.below(3)}.${Math.floor(this.#count / 40)}`;
    const revocations = [{ what: "family", id, untilMs: UNTIL_MS }] as const;
    this.#ask(() => ({ kind: "revoke", revocations, by: "keeper", reason: "lost" }));
  }

  #setPolicy(): void {
    const text = `policy ${this.#count}`;
    this.#ask((_, machine) => ({
      kind: "set_policy",
      text,
      expectedRevision: machine.trust.policy.revision,
      by: "keeper",
    }));
  }

  #ask(
    make: Parameters<JobWorld["propose"]>[1],
    done: Parameters<JobWorld["propose"]>[2] = () => {},
  ): void {
    this.#asked++;
    this.#jobs.propose(this.#random, make, (outcome) => {
      this.#asked--;
      done(outcome);
    });
  }
}
