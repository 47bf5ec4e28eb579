/**
 * Judges what became of tokens and the policy, from the commands and their outcomes alone: a token that
 * opens a door once opens it for one, each refresh token is good once, what was revoked stays revoked.
 */

import type { Command, JobMachine, Outcome } from "../../src/jobs/mod.ts";
import type { Oracle } from "./oracle.ts";

/** See the module's text. */
export class TrustOracle {
  readonly #oracle: Oracle;
  readonly #userOf = new Map<string, string>();
  readonly #generationOf = new Map<string, number>();
  readonly #revoked = new Set<string>();
  #revision = 0;
  /** Commands that were judged. */
  judged = 0;

  constructor(oracle: Oracle) {
    this.#oracle = oracle;
  }

  /** A command was applied; each once. `machine` has applied it. */
  applied(command: Command, outcome: Outcome, machine: JobMachine): void {
    if (command.kind === "use_token" && outcome.kind === "use_token") {
      if (outcome.status !== "used") return;
      const { tokenId, usedBy } = command;
      const user = this.#userOf.get(tokenId);
      this.#check(
        outcome.repeated ? user === usedBy : user === undefined,
        () => `${tokenId} was used by ${usedBy} after ${user}`,
      );
      this.#userOf.set(tokenId, usedBy);
    } else if (command.kind === "rotate_token" && outcome.kind === "rotate_token") {
      this.#rotated(command.family, command.generation, outcome);
    } else if (command.kind === "revoke" && outcome.kind === "revoke") {
      if (outcome.status !== "done") return;
      for (const { what, id } of command.revocations) {
        if (what === "family") this.#revoked.add(id);
      }
    } else if (command.kind === "set_policy" && outcome.kind === "set_policy") {
      if (outcome.status !== "done") return;
      this.#check(
        command.expectedRevision === this.#revision && outcome.revision === this.#revision + 1,
        () => `revision ${outcome.revision} came after ${this.#revision}`,
      );
      this.#revision = outcome.revision;
    } else return;
    this.judged++;
    for (const family of this.#revoked) {
      this.#check(
        machine.trust.isTokenRevoked({ subject: "nobody", family }),
        () => `family ${family} is trusted again`,
      );
    }
  }

  #rotated(
    family: string,
    presented: number,
    outcome: Extract<Outcome, { kind: "rotate_token" }>,
  ): void {
    const current = this.#generationOf.get(family) ?? 0;
    if (outcome.status === "refused") {
      if (outcome.reason === "reused") {
        this.#check(presented !== current, () => `the good token of ${family} was refused`);
        this.#revoked.add(family);
      }
      return;
    }
    this.#check(!this.#revoked.has(family), () => `${family} was rotated after it was revoked`);
    const isRight = outcome.repeated
      ? presented === current - 1 && outcome.generation === current
      : presented === current && outcome.generation === current + 1;
    this.#check(
      isRight,
      () => `generation ${presented} of ${family}, at ${current}, gave ${outcome.generation}`,
    );
    this.#generationOf.set(family, outcome.generation);
  }

  #check(holds: boolean, sentence: () => string): void {
    this.#oracle.check(holds, () => `Trust: ${sentence()}`);
  }
}
