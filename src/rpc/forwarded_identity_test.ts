import assert from "node:assert/strict";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Caller } from "./call.ts";
import { callerFromWire, identityToWire } from "./forwarded_identity.ts";
import { ForwardRequestSchema } from "./gen/forward_pb.ts";

function onItsWay(caller: Caller, policyRevision: number): Caller {
  const { userId, roles } = caller;
  const request = create(ForwardRequestSchema, {
    userId,
    roles: [...roles],
    identity: identityToWire(caller, policyRevision),
  });
  return callerFromWire(
    fromBinary(ForwardRequestSchema, toBinary(ForwardRequestSchema, request)),
  );
}

Deno.test("everything that was established about a caller reaches the leader", () => {
  const callers: Caller[] = [
    { userId: "anonymous", roles: ["admin"], source: "anonymous" },
    {
      userId: "alice",
      roles: ["operator"],
      source: "token",
      namespaces: [],
      token: {
        subject: "alice",
        tokenId: "t",
        family: "f",
        issuedAtMs: 1_700_000_000_000,
        expiresAtMs: 1_700_000_900_000,
      },
    },
    {
      userId: "*",
      roles: [],
      source: "token",
      joins: "master",
      namespaces: ["a", "b"],
      token: { subject: "*", tokenId: "j", expiresAtMs: 1 },
    },
    {
      userId: "w1",
      roles: ["worker"],
      source: "certificate",
      certificate: {
        fingerprint256: "ab",
        commonName: "w1",
        roles: ["worker"],
        names: [],
        notBeforeMs: 1,
        notAfterMs: 2,
      },
    },
  ];
  for (const caller of callers) {
    assert.deepEqual(onItsWay(caller, 7), { ...caller, policyRevision: 7 });
  }
});

Deno.test("an older member says who calls, and no more", () => {
  const request = create(ForwardRequestSchema, { userId: "alice", roles: ["viewer"] });
  assert.deepEqual(callerFromWire(request), { userId: "alice", roles: ["viewer"] });
});
