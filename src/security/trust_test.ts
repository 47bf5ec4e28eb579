import assert from "node:assert/strict";
import { ANONYMOUS } from "./principal.ts";
import { parsePolicies } from "./rbac.ts";
import { LivePolicies, NOTHING_REVOKED, type Trust, TrustSource } from "./trust.ts";

const policyFor = (role: string) =>
  JSON.stringify({
    roles: [{ name: role, permissions: ["job:view"] }],
    policies: [{ method: "/proto.MasterService/GetJobStatus", permissions: ["job:view"] }],
  });

function mayView(policies: LivePolicies, role: string): boolean {
  const principal = { ...ANONYMOUS, roles: [role] };
  return policies.current.authorize(principal, "/proto.MasterService/GetJobStatus").allowed;
}

Deno.test("the file's policies hold until the cluster has some, and then the cluster's", () => {
  let policy = { revision: 0, text: "" };
  const told: string[] = [];
  const trust: Trust = {
    ...NOTHING_REVOKED,
    get policy() {
      return policy;
    },
  };
  const file = parsePolicies(policyFor("filed"), "file");
  const policies = new LivePolicies(trust, file, (text) => told.push(text));
  assert.deepEqual([mayView(policies, "filed"), mayView(policies, "set")], [true, false]);
  policy = { revision: 1, text: policyFor("set") };
  assert.deepEqual([mayView(policies, "filed"), mayView(policies, "set")], [false, true]);
  assert.equal(policies.revision, 1);
  policy = { revision: 2, text: "{ of a later version }" };
  assert.equal(mayView(policies, "set"), true, "the last that could be read");
  assert.equal(mayView(policies, "set"), true);
  assert.equal(told.length, 1, "told once, not at every call");
  assert.match(told[0]!, /revision 2 .*not JSON/);
  policy = { revision: 3, text: policyFor("third") };
  assert.deepEqual([mayView(policies, "set"), mayView(policies, "third")], [false, true]);
});

Deno.test("the doors ask the state that is bound, anew each time", () => {
  const source = new TrustSource();
  const token = { subject: "bob", expiresAtMs: 1 };
  assert.equal(source.isTokenRevoked(token), false, "there is no state yet");
  let state: Trust = NOTHING_REVOKED;
  source.bind(() => state);
  assert.equal(source.isCertificateRevoked("aa"), false);
  state = { ...NOTHING_REVOKED, isTokenRevoked: () => true, isCertificateRevoked: () => true };
  assert.equal(source.isTokenRevoked(token), true);
  assert.equal(source.isCertificateRevoked("aa"), true);
});
