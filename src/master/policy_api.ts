/**
 * The calls about the policy: who may do what.
 *
 * @module
 */

import { isNestedTooDeeply, tooManyLevels } from "../http/mod.ts";
import type { SetPolicyCommand } from "../jobs/mod.ts";
import {
  type CallContext,
  MasterService,
  methodPath,
  type PolicyVerdict,
  type PolicyView,
  Refusal,
  type SecurityApi,
} from "../rpc/mod.ts";
import { parsePolicies, type PolicySet, SecurityConfigurationError } from "../security/mod.ts";
import { audited } from "./audited.ts";
import { dutiesOf, type MasterContext } from "./context.ts";
import { principalOf } from "./tokens_api.ts";

const SET_POLICY = methodPath(MasterService.method.setPolicy);
const METHODS = MasterService.methods.map(methodPath);

type PolicyCalls = Pick<SecurityApi, "getPolicy" | "setPolicy" | "testPolicy">;

export class PolicyApi implements PolicyCalls {
  readonly #context: MasterContext;

  constructor(context: MasterContext) {
    this.#context = context;
  }

  async getPolicy(): Promise<PolicyView> {
    const { machine, proposer, barrierTimeoutMs, security: { policies } } = this.#context;
    await proposer.readBarrier(barrierTimeoutMs);
    const { policy } = machine.trust;
    return policy.revision > 0 ? policy : { ...policy, text: policies.current.text };
  }

  setPolicy(text: string, expectedRevision: number, call: CallContext) {
    const target = `revision ${expectedRevision + 1}`;
    return audited(this.#context, "set the policy", target, call, async () => {
      dutiesOf(this.#context);
      const policies = parsed(text);
      const may = policies.authorize(principalOf(call), SET_POLICY);
      if (this.#context.security.rolesAreEnforced && !may.allowed) {
        throw new Refusal(
          "failed_precondition",
          `with this policy you could not change it again: ${may.reason}`,
        );
      }
      const outcome = await this.#context.proposer.propose<SetPolicyCommand>({
        kind: "set_policy",
        text,
        expectedRevision,
        by: call.caller.userId,
      });
      if (outcome.status === "refused") {
        throw new Refusal(outcome.reason === "stale" ? "conflict" : "invalid", outcome.message);
      }
      return {
        revision: outcome.revision,
        methodsWithoutPolicy: policies.methodsWithoutPolicy(METHODS),
      };
    });
  }

  async testPolicy(
    { roles, method: asked, text }: Parameters<SecurityApi["testPolicy"]>[0],
    call: CallContext,
  ): Promise<PolicyVerdict> {
    const { proposer, barrierTimeoutMs, security } = this.#context;
    await proposer.readBarrier(barrierTimeoutMs);
    const policies = text === "" ? security.policies.current : parsed(text);
    const method = fullName(asked);
    const who = roles.length === 0
      ? principalOf(call)
      : { ...principalOf(call), userId: "whoever asks", roles };
    const verdict = policies.authorize(who, method);
    const rolesThatMay = policies.roles.map(({ name }) => name)
      .filter((name) => policies.authorize({ ...who, roles: [name] }, method).allowed);
    const granting = who.roles.filter((role) => rolesThatMay.includes(role));
    return {
      allowed: verdict.allowed,
      reason: verdict.allowed
        ? granting.length === 0
          ? `everybody may call ${method}`
          : `${granting.join(", ")} may call ${method}`
        : verdict.reason,
      method,
      needed: policies.permissionsFor(method) ?? [],
      rolesThatMay,
      revision: text === "" ? security.policies.revision : 0,
    };
  }
}

function fullName(method: string): string {
  if (method.startsWith("/")) return method;
  return METHODS.find((each) => each.endsWith(`/${method}`)) ?? `/proto.MasterService/${method}`;
}

/** Of a policy that a caller brings: twenty times what the usual one has. */
const POLICY_CHARACTERS_MAX = 256 * 1024;

function parsed(text: string): PolicySet {
  if (text.length > POLICY_CHARACTERS_MAX) {
    throw new Refusal(
      "too_large",
      `the policy has ${text.length} characters; it may have ${POLICY_CHARACTERS_MAX}`,
    );
  }
  if (isNestedTooDeeply(new TextEncoder().encode(text))) {
    throw new Refusal("invalid", tooManyLevels("the policy"));
  }
  try {
    return parsePolicies(text, "the policy");
  } catch (failure) {
    if (!(failure instanceof SecurityConfigurationError)) throw failure;
    throw new Refusal("invalid", failure.faults.join("; "));
  }
}
