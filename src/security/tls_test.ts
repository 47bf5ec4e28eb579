import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { AuthorityFixture, CODE_SIGNING_USAGE, type LeafFixture } from "./certificate_fixtures.ts";
import { Bench, call } from "./tls_fixtures.ts";

const HOUR_MS = 3_600_000;

Deno.test("a client with a certificate of the cluster is served, and known by its name", async () => {
  await using bench = await Bench.create();
  const server = await bench.serve({ guard: true, verify: true });
  const client = await bench.client(await bench.authority.issue({ commonName: "worker-7" }));
  assert.deepEqual(await call(server.port, client), { answer: "worker-7" });
  assert.deepEqual(await call(server.port, client), { answer: "worker-7" });
  assert.deepEqual(server.refused, []);
});

const REFUSED: readonly (readonly [string, LeafFixture | null, "ours" | "theirs"])[] = [
  ["no certificate", null, "ours"],
  ["a certificate of another authority", {}, "theirs"],
  ["an expired certificate", { startsInMs: -2 * HOUR_MS, endsInMs: -HOUR_MS }, "ours"],
  ["a certificate that is not valid yet", { startsInMs: HOUR_MS, endsInMs: 2 * HOUR_MS }, "ours"],
  ["a certificate for another use", { usages: [CODE_SIGNING_USAGE] }, "ours"],
];

for (const [what, fixture, authorityOf] of REFUSED) {
  Deno.test(`a client with ${what} gets no answer over a fresh connection`, async () => {
    await using bench = await Bench.create();
    const server = await bench.serve({ guard: true, verify: true });
    const authority = authorityOf === "ours"
      ? bench.authority
      : await AuthorityFixture.create("another authority");
    const client = await bench.client(fixture === null ? null : await authority.issue(fixture));
    const answer = await call(server.port, client);
    assert.ok("code" in answer, `was served: ${JSON.stringify(answer)}`);
    assert.ok([status.UNAVAILABLE, status.UNAUTHENTICATED].includes(answer.code), answer.details);
    assert.ok(server.verdicts.every((verdict) => !verdict.ok));
  });
}
