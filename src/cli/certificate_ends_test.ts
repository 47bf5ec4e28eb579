import assert from "node:assert/strict";
import { endWarnings } from "./certificate_ends.ts";

Deno.test("a node says once of each of its certificates that it ends soon, and once that it has ended", () => {
  const said: string[] = [];
  const log = {
    warn: (message: string) => void said.push(`warn: ${message}`),
    error: (message: string) => void said.push(`error: ${message}`),
  };
  const material = (fingerprint256: string) => ({
    own: { identity: { fingerprint256, notBeforeMs: 0, notAfterMs: 80_000 } },
    files: { certFile: "m1.crt" },
    options: { section: "security.tls" as const },
  });
  let now = material("a");
  // One pair serves both ports where security.raft_tls is left to security.tls.
  const look = endWarnings(log, () => [now, now, undefined]);
  const saidAt = (nowMs: number) => {
    look(nowMs);
    return said.splice(0);
  };
  assert.deepEqual(saidAt(69_999), []);
  assert.deepEqual(saidAt(70_000), ["warn: this node's certificate ends soon: renew it"]);
  assert.deepEqual(saidAt(79_999), []);
  const ended = ["error: this node's certificate has ended, and others refuse it: renew it"];
  assert.deepEqual(saidAt(80_000), ended);
  assert.deepEqual(saidAt(90_000), []);
  now = material("b");
  assert.deepEqual(saidAt(90_000), ended);
});
