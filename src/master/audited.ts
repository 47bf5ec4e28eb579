import { type CallContext, type Caller, Refusal } from "../rpc/mod.ts";
import type { MasterContext } from "./context.ts";

/** Longest name of a target in the audit log. */
const TARGET_CHARACTERS_MAX = 200;

/** Writes down what came of an act; a call that belongs to another master is not this one's. */
export async function audited<Answer>(
  { audit }: Pick<MasterContext, "audit">,
  act: string,
  target: string,
  { caller, method, requestId }: CallContext,
  run: () => Promise<Answer>,
  namespace?: string,
): Promise<Answer> {
  const record = (outcome: "done" | "refused" | "failed", detail?: string) =>
    audit({
      act,
      target: target.slice(0, TARGET_CHARACTERS_MAX),
      outcome,
      userId: caller.userId,
      ...(namespace ? { namespace } : {}),
      call: { method, requestId, ...confinement(caller) },
      ...(detail === undefined ? {} : { detail }),
    });
  try {
    const answer = await run();
    record("done");
    return answer;
  } catch (failure) {
    const refusal = failure instanceof Refusal ? failure : undefined;
    if (refusal?.reason === "not_leader") throw failure;
    record(refusal === undefined ? "failed" : "refused", refusal?.message ?? String(failure));
    throw failure;
  }
}

/** What the audit says of a caller who does not have all namespaces. */
export function confinement(
  { namespaces }: Pick<Caller, "namespaces">,
): { readonly namespaces?: readonly string[] } {
  return namespaces === undefined ? {} : { namespaces };
}
