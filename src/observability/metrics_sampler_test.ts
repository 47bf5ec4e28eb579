import assert from "node:assert/strict";
import { createLogger } from "./logger.ts";
import { createMetricsRegistry } from "./metrics_registry.ts";
import { MetricsSampler } from "./metrics_sampler.ts";
import { SteppedTicker } from "./stepped_ticker_test_support.ts";

async function sampler(enabled = true) {
  const lines: { msg: string; source: string; error?: string }[] = [];
  const ticker = new SteppedTicker();
  const made = new MetricsSampler({
    registry: await createMetricsRegistry({ enabled }),
    intervalMs: 15_000,
    log: await createLogger({
      level: "debug",
      format: "json",
      name: "metrics",
      output: (line) => lines.push(JSON.parse(line)),
    }),
    ticker,
  });
  return { sampler: made, ticker, lines };
}

Deno.test("sources are sampled at once and at every interval, until stopped", async () => {
  const { sampler: made, ticker } = await sampler();
  let count = 0;
  made.register("queue", () => void count++);
  made.start();
  made.start();
  assert.equal(count, 1);
  await made.sampleNow();
  ticker.step(15_000);
  assert.equal(count, 3);
  made.stop();
  assert.equal(ticker.isIdle, true);
});

Deno.test("who looks sees what holds then; who looks right after another, the same", async () => {
  const { sampler: made, ticker } = await sampler();
  await made.freshen();
  let count = 0;
  made.register("queue", () => void count++);
  await made.freshen();
  await made.freshen();
  assert.equal(count, 1);
  ticker.step(99);
  await made.freshen();
  assert.equal(count, 1);
  ticker.step(1);
  await made.freshen();
  assert.equal(count, 2);
});

Deno.test("a slow source is not asked again before it has answered, and holds up no other", async () => {
  const { sampler: made } = await sampler();
  const answers: (() => void)[] = [];
  let quick = 0;
  made.register("slow", () => new Promise<void>((resolve) => answers.push(resolve)));
  made.register("quick", () => void quick++);
  const first = made.sampleNow();
  await made.sampleNow();
  assert.equal(answers.length, 1);
  assert.equal(quick, 2);
  answers[0]?.();
  await first;
  const again = made.sampleNow();
  assert.equal(answers.length, 2);
  answers[1]?.();
  await again;
});

Deno.test("a source that fails is logged when it begins to and when it is over", async () => {
  const { sampler: made, lines } = await sampler();
  let isBroken = false;
  let others = 0;
  made.register("raft", () => {
    if (isBroken) throw new Error("closed");
  });
  made.register("other", () => void others++);
  for (const broken of [false, true, true, false, false]) {
    isBroken = broken;
    await made.sampleNow();
  }
  assert.deepEqual(lines.map(({ msg, source, error }) => [msg, source, error]), [
    ["metrics could not be sampled", "raft", "closed"],
    ["metrics are sampled again", "raft", undefined],
  ]);
  assert.equal(others, 5);
});

Deno.test("where metrics are disabled nothing is sampled", async () => {
  const { sampler: made, ticker } = await sampler(false);
  let asked = 0;
  made.register("queue", () => void asked++);
  made.start();
  await made.freshen();
  assert.equal(ticker.isIdle, true);
  assert.equal(asked, 0);
});
