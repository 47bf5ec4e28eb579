import assert from "node:assert/strict";
import { readExposition } from "./exposition_test_support.ts";
import { createMetricsRegistry } from "./metrics_registry.ts";
import { LOOP_PROBE_INTERVAL_MS, observeProcess } from "./process_metrics.ts";
import { SteppedTicker } from "./stepped_ticker_test_support.ts";
import { systemTicker } from "./ticker.ts";

const BUILD = { version: "1.2.3", role: "master", nodeId: "node-1" };

Deno.test("a process tells what it is and what it uses", async () => {
  const registry = await createMetricsRegistry({ enabled: true });
  const stop = observeProcess(registry, BUILD, new SteppedTicker());
  const value = async (name: string) =>
    readExposition((await registry.expose()).text).get(name)?.samples[0]?.value ?? NaN;
  const build = readExposition((await registry.expose()).text).get("conductor_build_info");
  assert.deepEqual(build?.samples[0]?.labels, {
    version: "1.2.3",
    role: "master",
    node_id: "node-1",
    deno_version: Deno.version.deno,
  });
  assert.ok(await value("process_resident_memory_bytes") > 1_000_000);
  assert.ok(await value("conductor_heap_used_bytes") > 0);
  const startedAt = await value("process_start_time_seconds");
  assert.ok(startedAt * 1_000 <= Date.now() && startedAt > 1_700_000_000);
  const before = await value("process_cpu_seconds_total");
  assert.ok(before > 0, "the CPU time from before the first scrape is in it");
  const until = performance.now() + 20;
  while (performance.now() < until);
  assert.ok(await value("process_cpu_seconds_total") > before);
  stop();
});

Deno.test({
  name: "open files are counted",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const registry = await createMetricsRegistry({ enabled: true });
    const stop = observeProcess(registry, BUILD, new SteppedTicker());
    const value = async (name: string) =>
      readExposition((await registry.expose()).text).get(name)?.samples[0]?.value ?? NaN;
    const before = await value("process_open_fds");
    const files = [Deno.openSync("/dev/null"), Deno.openSync("/dev/null")];
    assert.equal(await value("process_open_fds"), before + 2);
    for (const file of files) file.close();
    assert.ok(await value("process_max_fds") > before);
    stop();
  },
});

Deno.test("an event loop that was held up is seen", async () => {
  const registry = await createMetricsRegistry({ enabled: true });
  const ticker = new SteppedTicker();
  const stop = observeProcess(registry, BUILD, ticker);
  ticker.step(LOOP_PROBE_INTERVAL_MS);
  ticker.step(LOOP_PROBE_INTERVAL_MS + 800);
  stop();
  const samples = readExposition((await registry.expose()).text)
    .get("conductor_event_loop_lag_seconds")?.samples ?? [];
  const at = (bound: string) => samples.find((sample) => sample.labels.le === bound)?.value;
  assert.equal(at("0.001"), 1, "on time");
  assert.equal(at("0.5"), 1);
  assert.equal(at("1"), 2, "800 ms late");
  assert.equal(ticker.isIdle, true);
});

Deno.test("garbage collections are counted by their kind, with their time", async () => {
  const registry = await createMetricsRegistry({ enabled: true });
  const ticker = new SteppedTicker();
  const stop = observeProcess(registry, BUILD, ticker);
  const collections = async (kind: string) => {
    const metric = readExposition((await registry.expose()).text)
      .get("conductor_gc_duration_seconds");
    const value = (suffix: string) =>
      metric?.samples.find(({ name, labels }) => name.endsWith(suffix) && labels.kind === kind)
        ?.value ?? NaN;
    return { count: value("_count"), seconds: value("_sum") };
  };
  assert.equal((await collections("minor")).count, 0);
  const kept: unknown[] = [];
  while ((await collections("minor")).count === 0) {
    for (let made = 0; made < 100_000; made++) kept[made] = { made };
    ticker.step(LOOP_PROBE_INTERVAL_MS);
  }
  stop();
  const { seconds } = await collections("minor");
  assert.ok(seconds > 0 && seconds < 10, `${seconds} s`);
});

Deno.test("disabled metrics watch nothing", async () => {
  const ticker = new SteppedTicker();
  observeProcess(await createMetricsRegistry({ enabled: false }), BUILD, ticker);
  assert.equal(ticker.isIdle, true);
});

Deno.test("the system's ticker repeats until it is stopped", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let count = 0;
  const stop = systemTicker.every(1, () => ++count === 3 && resolve());
  // An unreferenced timer alone would let the process end here.
  const keepAlive = setInterval(() => {}, 1_000);
  await promise;
  stop();
  clearInterval(keepAlive);
});
