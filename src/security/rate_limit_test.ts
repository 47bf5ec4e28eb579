import assert from "node:assert/strict";
import fc from "fast-check";
import { addressKey, peerIp, RateLimiter, type RateLimitOptions } from "./rate_limit.ts";

const OPTIONS: RateLimitOptions = {
  requestsPerSec: 10,
  burst: 5,
  cleanupIntervalMs: 60_000,
  clientTtlMs: 120_000,
};

function takeMany(limiter: RateLimiter, key: string, nowMs: number, times: number): number {
  return Array.from({ length: times }, () => limiter.take(key, nowMs))
    .filter((verdict) => verdict.allowed).length;
}

Deno.test("a burst is let through, and then as many a second as the rate says", () => {
  const limiter = new RateLimiter(OPTIONS);
  assert.equal(takeMany(limiter, "alice", 0, 8), 5);
  assert.equal(takeMany(limiter, "alice", 100, 8), 1);
  assert.equal(takeMany(limiter, "alice", 400, 8), 3);
  assert.equal(takeMany(limiter, "alice", 100_000, 8), 5);
});

Deno.test("a refusal says when the next call may succeed, and then it does", () => {
  const limiter = new RateLimiter(OPTIONS);
  takeMany(limiter, "alice", 0, 5);
  const verdict = limiter.take("alice", 30);
  assert.deepEqual(verdict, { allowed: false, retryAfterMs: 70 });
  assert.equal(limiter.take("alice", 99).allowed, false);
  assert.equal(limiter.take("alice", 100).allowed, true);
});

Deno.test("one caller's calls do not count against another's", () => {
  const limiter = new RateLimiter(OPTIONS);
  takeMany(limiter, "alice", 0, 10);
  assert.equal(takeMany(limiter, "bob", 0, 10), 5);
});

Deno.test("a clock that runs backwards neither fills nor empties a bucket", () => {
  const limiter = new RateLimiter(OPTIONS);
  takeMany(limiter, "alice", 1_000_000, 5);
  assert.equal(limiter.take("alice", 0).allowed, false);
  assert.equal(takeMany(limiter, "alice", 100, 5), 1);
});

Deno.test("idle callers are forgotten by the next call after the interval", () => {
  const limiter = new RateLimiter(OPTIONS);
  for (let index = 0; index < 100; index++) limiter.take(`caller ${index}`, 0);
  limiter.take("busy", 119_000);
  assert.equal(limiter.size, 101);
  limiter.take("busy", 200_000);
  assert.equal(limiter.size, 1);
});

Deno.test("the number of callers counted at once is bounded", () => {
  const limiter = new RateLimiter({ ...OPTIONS, clientsMax: 50 });
  for (let index = 0; index < 10_000; index++) limiter.take(`caller ${index}`, index);
  assert.equal(limiter.size, 50);
});

Deno.test("no sequence of calls gets more through than burst plus rate times time", () => {
  fc.assert(fc.property(
    fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 200 }),
    fc.integer({ min: 1, max: 50 }),
    fc.double({ min: 0.1, max: 100, noNaN: true }),
    (pausesMs, burst, requestsPerSec) => {
      const limiter = new RateLimiter({ ...OPTIONS, burst, requestsPerSec });
      let nowMs = 0;
      let allowed = 0;
      for (const pauseMs of pausesMs) {
        nowMs += pauseMs;
        if (limiter.take("alice", nowMs).allowed) allowed++;
      }
      assert.ok(allowed <= burst + nowMs * requestsPerSec / 1000 + 1e-6);
    },
  ));
});

Deno.test("a rate, burst or interval of zero is refused", () => {
  for (const name of ["requestsPerSec", "burst", "cleanupIntervalMs", "clientTtlMs"] as const) {
    assert.throws(() => new RateLimiter({ ...OPTIONS, [name]: 0 }), new RegExp(name));
  }
});

const PEERS: readonly (readonly [string, string])[] = [
  ["10.1.2.3:50123", "10.1.2.3"],
  ["10.1.2.3", "10.1.2.3"],
  ["::1:50123", "::1"],
  ["[::1]:50123", "::1"],
  ["[2001:db8::5]", "2001:db8::5"],
  ["2001:db8:0:0:0:0:0:5:443", "2001:db8::5"],
  ["::ffff:10.1.2.3:50123", "10.1.2.3"],
  ["fe80::1%eth0:50123", "fe80::1"],
  ["unknown", "unknown"],
  ["", "unknown"],
  ["010.1:80", "unknown"],
];

for (const [peer, ip] of PEERS) {
  Deno.test(`the address of the peer "${peer}" is ${ip}`, () => assert.equal(peerIp(peer), ip));
}

Deno.test("two ports of one address are one caller, and so are two addresses of one /64", () => {
  assert.equal(addressKey(peerIp("10.1.2.3:1")), addressKey(peerIp("10.1.2.3:2")));
  assert.equal(
    addressKey(peerIp("[2001:db8:1:2:aaaa::1]:1")),
    addressKey(peerIp("[2001:db8:1:2:bbbb::9]:2")),
  );
  assert.notEqual(
    addressKey(peerIp("[2001:db8:1:2::1]:1")),
    addressKey(peerIp("[2001:db8:1:3::1]:1")),
  );
});
