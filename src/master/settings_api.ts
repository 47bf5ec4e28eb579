/**
 * The calls about types and queues.
 *
 * @module
 */

import type { ConfigureCommand, SettingsScope, Standing } from "../jobs/mod.ts";
import {
  type CallContext,
  type Configuration,
  type Configured,
  Refusal,
  type SettingsApi,
  type StandingView,
} from "../rpc/mod.ts";
import { dutiesOf, type MasterContext } from "./context.ts";
import { namespacesFor, type Viewer } from "./sight.ts";

export class TypesAndQueuesApi implements SettingsApi {
  readonly #context: MasterContext;

  constructor(context: MasterContext) {
    this.#context = context;
  }

  async listStandings(
    scope: SettingsScope,
    namespace: string,
    call: Viewer,
  ): Promise<readonly StandingView[]> {
    const { machine, proposer, barrierTimeoutMs } = this.#context;
    const namespaces = namespacesFor(namespace, call);
    await proposer.readBarrier(barrierTimeoutMs);
    return machine.standings(scope, namespaces).map(standingView);
  }

  async configure({ scope, name, change }: Configuration, call: CallContext): Promise<Configured> {
    const duties = dutiesOf(this.#context);
    const { machine, proposer, audit } = this.#context;
    let outcome: "done" | "failed" = "failed";
    try {
      const answer = await proposer.propose<ConfigureCommand>({
        kind: "configure",
        scope,
        name,
        change,
        by: call.caller.userId,
        easesRate: true,
      });
      if (answer.status === "refused") {
        throw new Refusal(answer.reason === "invalid" ? "invalid" : "overloaded", answer.message);
      }
      outcome = "done";
      duties.schedule();
      const standing = machine.standings(scope).find((each) => each.name === name) ??
        { name, settings: answer.settings, counts: noJobs };
      return { changed: answer.changed, standing: standingView(standing) };
    } finally {
      audit({
        act: `configure a ${scope}`,
        target: name,
        outcome,
        userId: call.caller.userId,
        detail: change === null ? "reset" : JSON.stringify(change),
        call: { method: call.method, requestId: call.requestId },
      });
    }
  }
}

const noJobs = { waiting: 0, pending: 0, assigned: 0, running: 0 };

function standingView({ name, settings, counts }: Standing): StandingView {
  return { name, ...counts, ...settings };
}
