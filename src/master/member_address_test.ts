import assert from "node:assert/strict";
import { formatMemberAddress, parseMemberAddress } from "./member_address.ts";

Deno.test("both addresses of a member survive being one string, IPv6 too", () => {
  for (
    const address of [
      { raft: "10.0.0.1:7000", grpc: "10.0.0.1:9000" },
      { raft: "[::1]:7000", grpc: "host.example:9000" },
      { raft: "h:7000", grpc: "" },
    ]
  ) assert.deepEqual(parseMemberAddress(formatMemberAddress(address)), address);
});

Deno.test("a member of a cluster that was founded by Raft addresses alone has no gRPC address yet", () => {
  assert.deepEqual(parseMemberAddress("h:7000"), { raft: "h:7000", grpc: "" });
  assert.deepEqual(parseMemberAddress(""), { raft: "", grpc: "" });
});
