import assert from "node:assert/strict";
import { CallLimits } from "./call_limits.ts";

const NOW_MS = 1_700_000_000_000;
const OPTIONS = { requestsPerSec: 1e6, burst: 1e6, cleanupIntervalMs: 1000, clientTtlMs: 60_000 };

/** How long a stranger at `ip` has to wait; 0: it is listened to. */
function waitOf(limits: CallLimits, ip: string, nowMs: number): number {
  const verdict = limits.takeAsStranger("user", ip, nowMs);
  return verdict.allowed ? 0 : verdict.retryAfterMs;
}

Deno.test("who shows wrong credentials again and again waits longer each time, up to a bound", () => {
  const limits = new CallLimits(OPTIONS);
  const fail = () => limits.noteFailure("10.0.0.1", NOW_MS);
  for (let at = 0; at < 10; at++) fail();
  assert.equal(waitOf(limits, "10.0.0.1", NOW_MS), 0, "some slips are free");
  const waits = Array.from({ length: 5 }, () => {
    fail();
    return waitOf(limits, "10.0.0.1", NOW_MS);
  });
  assert.deepEqual(waits, [250, 500, 1000, 2000, 2000]);
  assert.equal(waitOf(limits, "10.0.0.2", NOW_MS), 0, "another address is another matter");
  assert.equal(waitOf(limits, "10.0.0.1", NOW_MS + 1_500), 500);
  assert.equal(waitOf(limits, "10.0.0.1", NOW_MS + 2_000), 0);
});

Deno.test("good credentials, or a minute without wrong ones, make an address a new one", () => {
  const limits = new CallLimits(OPTIONS);
  const failOften = (nowMs: number) => {
    for (let at = 0; at < 12; at++) limits.noteFailure("10.0.0.1", nowMs);
  };
  failOften(NOW_MS);
  limits.noteSuccess("10.0.0.1");
  assert.equal(waitOf(limits, "10.0.0.1", NOW_MS), 0);
  failOften(NOW_MS);
  limits.noteFailure("10.0.0.1", NOW_MS + 60_000);
  assert.equal(waitOf(limits, "10.0.0.1", NOW_MS + 60_000), 0);
});

Deno.test("neighbours of one IPv6 subscriber wait together, and a clock set back holds up nobody", () => {
  const limits = new CallLimits(OPTIONS);
  for (let at = 0; at < 12; at++) limits.noteFailure("2001:db8::1", NOW_MS);
  assert.equal(waitOf(limits, "2001:db8::2", NOW_MS), 500);
  assert.equal(waitOf(limits, "2001:db8::2", NOW_MS - 3_600_000), 0);
});
