import assert from "node:assert/strict";
import { builtinJobTypes } from "../job_types/mod.ts";
import { silentTracer } from "../observability/mod.ts";
import type { CallContext, Submission, SubmissionOutcome } from "../rpc/mod.ts";
import type { SubmitSpec } from "../jobs/mod.ts";
import { Admission } from "./admission.ts";
import type { MasterContext } from "./context.ts";
import { SubmitApi } from "./submit_api.ts";

const CALL = {
  caller: { userId: "ann", roles: [] },
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
} as unknown as CallContext;
const SUBMISSION = { type: "mine", payload: new Uint8Array(1) } as unknown as Submission;

/** A leader whose log takes what came in a turn at the end of it. */
class Leader {
  looks = 0;
  offered: string[] = [];
  readonly #api = new SubmitApi({
    admission: new Admission(() => ({
      ...{ payloadBytesMax: 1_000, maxRetriesDefault: 3, timeoutMsDefault: 1_000 },
      ...{ retryDelayMsDefault: 1_000, ofTypes: new Map() },
    }), builtinJobTypes()),
    proposer: {
      submitOne: ({ id }: SubmitSpec) =>
        new Promise((resolve) => setImmediate(() => resolve({ status: "accepted", jobId: id }))),
    },
    duties: {
      view: () => {
        this.looks++;
        const worker = { jobTypes: this.offered, namespaces: null, tags: {} };
        return { workers: [worker] };
      },
    },
    tracer: silentTracer,
    newJobId: () => crypto.randomUUID(),
    now: () => 1_000,
  } as unknown as MasterContext);

  async submit(): Promise<string> {
    const [outcome] = await this.#api.submit([SUBMISSION], { allOrNothing: false }, CALL);
    assert.ok(outcome !== undefined && "message" in outcome, JSON.stringify(outcome));
    return (outcome as Extract<SubmissionOutcome, { readonly message: string }>).message;
  }
}

Deno.test("calls that are answered in one turn look once at what workers offer", async () => {
  const leader = new Leader();
  const said = await Promise.all(Array.from({ length: 30 }, () => leader.submit()));
  assert.equal(leader.looks, 1);
  for (const each of said) assert.match(each, /no connected worker offers job type "mine"/);
});

Deno.test("what workers offer is looked at anew in each turn", async () => {
  const leader = new Leader();
  assert.match(await leader.submit(), /no connected worker/);
  leader.offered = ["mine"];
  assert.doesNotMatch(await leader.submit(), /no connected worker/);
  assert.equal(leader.looks, 2);
});
