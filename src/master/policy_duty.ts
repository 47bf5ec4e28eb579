/**
 * The leader puts the policy of its file into the replicated state, if there is none yet: that is the
 * policy's first value, and the same on every member from then on. A file that says otherwise later
 * is told of and changes nothing.
 *
 * @module
 */

import type { JobMachine, SetPolicyCommand } from "../jobs/mod.ts";
import type { Logger } from "../observability/mod.ts";
import type { Proposer } from "./proposer.ts";

export interface PolicyDutyOptions {
  /** Text of the file; empty: none was named, and the program's own holds until one is set. */
  readonly fileText: string;
  readonly nodeId: string;
  readonly machine: Pick<JobMachine, "trust">;
  readonly proposer: Pick<Proposer, "propose">;
  readonly log: Pick<Logger, "debug" | "info" | "warn">;
}

/** A policy that could not be written, while members are upgraded for example, is tried again. */
const RETRY_MS = 2_000;

export class PolicyDuty {
  readonly #options: PolicyDutyOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;

  constructor(options: PolicyDutyOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setTimeout(async () => {
      if (!await this.settle() && !this.#isStopped) this.start();
    }, this.#timer === undefined ? 0 : RETRY_MS);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Resolves to whether there is nothing more to do. */
  async settle(): Promise<boolean> {
    const { fileText, nodeId, machine, proposer, log } = this.#options;
    if (fileText === "") return true;
    const { revision, text, by } = machine.trust.policy;
    if (revision > 0) {
      if (text !== fileText) {
        log.warn(
          "security.rbac.policy_file differs from the cluster's policy, which holds: " +
            "`conductor rbac set` changes it",
          { revision, set_by: by },
        );
      }
      return true;
    }
    try {
      const outcome = await proposer.propose<SetPolicyCommand>({
        kind: "set_policy",
        text: fileText,
        expectedRevision: 0,
        by: `master ${nodeId}`,
      });
      if (outcome.status === "refused") {
        log.warn("the policy of the file is not the cluster's", { reason: outcome.message });
      } else {
        log.info("the policy of the file is the cluster's from now on", {
          revision: outcome.revision,
        });
      }
      return true;
    } catch (failure) {
      log.debug("the policy of the file cannot be made the cluster's yet", {
        reason: String(failure),
      });
      return false;
    }
  }
}
