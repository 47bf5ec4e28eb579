import assert from "node:assert/strict";
import { JobMachine, MemoryJobStore, type SetPolicyCommand } from "../jobs/mod.ts";
import { Refusal } from "../rpc/mod.ts";
import { PolicyDuty } from "./policy_duty.ts";

/** A duty on a machine of its own; `refusals` proposals fail first. */
function scene(fileText: string, { refusals = 0, machine = new JobMachine(new MemoryJobStore()) }) {
  const told: string[] = [];
  const log = {
    debug: () => {},
    info: (message: string) => void told.push(message),
    warn: (message: string) => void told.push(message),
  };
  const proposer = {
    propose(command: Omit<SetPolicyCommand, "atMs">) {
      if (refusals-- > 0) return Promise.reject(new Refusal("failed_precondition", "not yet"));
      const position = { index: machine.applied.index + 1, term: 1 };
      return Promise.resolve(machine.apply({ ...command, atMs: 1 }, position));
    },
  } as unknown as ConstructorParameters<typeof PolicyDuty>[0]["proposer"];
  const duty = new PolicyDuty({ fileText, nodeId: "m1", machine, proposer, log });
  return { machine, told, duty };
}

Deno.test("the first leader's file becomes the cluster's policy, once it can be written", async () => {
  const { machine, duty } = scene("file", { refusals: 1 });
  assert.equal(await duty.settle(), false, "while a member reads no such entries");
  assert.equal(machine.trust.policy.revision, 0);
  assert.equal(await duty.settle(), true);
  const { revision, text, by } = machine.trust.policy;
  assert.deepEqual({ revision, text, by }, { revision: 1, text: "file", by: "master m1" });
});

Deno.test("a file that differs from the cluster's policy is told of, and does not override it", async () => {
  const { machine, duty } = scene("first", {});
  await duty.settle();
  const later = scene("other", { machine });
  assert.equal(await later.duty.settle(), true);
  assert.equal(machine.trust.policy.text, "first");
  assert.match(later.told.join(), /differs from the cluster's policy/);
  const same = scene("first", { machine });
  await same.duty.settle();
  assert.deepEqual(same.told, []);
});

Deno.test("without a file the program's own policies hold, and nothing is written", async () => {
  const { machine, duty } = scene("", {});
  assert.equal(await duty.settle(), true);
  assert.equal(machine.trust.policy.revision, 0);
});
