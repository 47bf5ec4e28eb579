import assert from "node:assert/strict";
import {
  releaseBackoffMs,
  RELEASES_FREE,
  RETRY_DELAY_MAX_MS,
  RETRY_JITTER,
  retryBackoffMs,
  type RetryPace,
} from "./backoff.ts";

function paceOf(retryDelayMs: number, pace: Partial<RetryPace> = {}): RetryPace {
  return { retryDelayMs, backoff: "exponential", retryDelayMaxMs: 0, ...pace };
}

Deno.test("a fixed backoff is the same after every failure, and never longer than asked", () => {
  for (const failures of [1, 2, 50]) {
    assert.equal(retryBackoffMs(paceOf(500, { backoff: "fixed" }), failures, "job", failures), 500);
    const pace = paceOf(500, { backoff: "fixed", retryDelayMaxMs: 300 });
    assert.equal(retryBackoffMs(pace, failures, "job", failures), 300);
  }
});

Deno.test("at the longest pause that a job asks for, retries still part, and by up to a quarter above it", () => {
  // What the help, the API and the guarantees say of it; to clamp it would part members of two versions.
  const pace = paceOf(500, { retryDelayMaxMs: 1200 });
  const pausesMs = Array.from(
    { length: 1000 },
    (_, number) => retryBackoffMs(pace, 9, `job-${number}`, 9),
  );
  assert.ok(Math.min(...pausesMs) >= 1200 && Math.max(...pausesMs) < 1200 * (1 + RETRY_JITTER));
  assert.ok(Math.max(...pausesMs) - Math.min(...pausesMs) > 280, "they come at one instant");
});

Deno.test("an exponential backoff grows up to the longest pause that the job asks for, before jitter", () => {
  const pace = paceOf(500, { retryDelayMaxMs: 1200 });
  const pausesMs = [1, 2, 3, 9].map((failures) => retryBackoffMs(pace, failures, "job", failures));
  const basesMs = [500, 1000, 1200, 1200];
  pausesMs.forEach((pauseMs, place) => {
    const baseMs = basesMs[place]!;
    assert.ok(pauseMs >= baseMs && pauseMs < baseMs * (1 + RETRY_JITTER), `${pauseMs}`);
  });
});

Deno.test("a retry waits for its delay, doubled with each failure, and at most a quarter more", () => {
  for (let failures = 1; failures <= 10; failures++) {
    const pauseMs = retryBackoffMs(paceOf(500), failures, "job", failures);
    const baseMs = 500 * 2 ** (failures - 1);
    assert.ok(
      pauseMs >= baseMs && pauseMs < baseMs * (1 + RETRY_JITTER),
      `${failures}: ${pauseMs}`,
    );
  }
});

Deno.test("no retry waits for longer than an hour and a quarter", () => {
  for (const failures of [20, 60, 2000]) {
    const pauseMs = retryBackoffMs(paceOf(1000), failures, "job", failures);
    assert.ok(pauseMs >= RETRY_DELAY_MAX_MS, `${pauseMs}`);
    assert.ok(pauseMs < RETRY_DELAY_MAX_MS * (1 + RETRY_JITTER), `${pauseMs}`);
  }
});

Deno.test("without a delay a retry comes at once", () => {
  assert.equal(retryBackoffMs(paceOf(0), 5, "job", 5), 0);
});

Deno.test("jobs that failed together do not come back together", () => {
  const pauses = Array.from(
    { length: 1000 },
    (_, number) => retryBackoffMs(paceOf(60_000), 1, `job-${number}`, 1),
  );
  const perTenth = Array.from({ length: 10 }, () => 0);
  for (const pauseMs of pauses) perTenth[Math.floor((pauseMs - 60_000) / 1500)]!++;
  for (const count of perTenth) assert.ok(count > 60 && count < 140, String(perTenth));
});

Deno.test("the pause is the same wherever and whenever it is worked out", () => {
  // A recorded value: another hash would make replicas of two versions disagree.
  assert.equal(
    retryBackoffMs(paceOf(60_000), 1, "0199c0de-0000-7000-8000-000000000001", 1),
    72_945,
  );
});

Deno.test("a job handed back again and again pauses too, up to a minute", () => {
  const pauses = Array.from({ length: 12 }, (_, number) => releaseBackoffMs(number + 1));
  assert.deepEqual(pauses.slice(0, RELEASES_FREE), [0, 0, 0]);
  assert.deepEqual(pauses.slice(RELEASES_FREE, RELEASES_FREE + 3), [1000, 2000, 4000]);
  assert.equal(pauses.at(-1), 60_000);
});
