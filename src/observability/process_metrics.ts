/**
 * What every process tells about itself: what it is, and what it uses.
 *
 * prom-client's own default metrics are not used: on Deno 2.9.6 they show an event loop that was
 * blocked for a second as late by 3 ms, no garbage collection at all, `process_heap_bytes` of half
 * a gigabyte in an idle process, and the version of a Node that does not run. The names under which
 * Prometheus users look for a process are kept.
 *
 * @module
 */

import process from "node:process";
import v8 from "node:v8";
import { firstOf, oneOf } from "./label_bound.ts";
import type { MetricsRegistry } from "./metrics_registry.ts";
import { systemTicker, type Ticker } from "./ticker.ts";

/** What the binary is. */
export interface BuildInfo {
  readonly version: string;
  /** `master` or `worker`. */
  readonly role: string;
  readonly nodeId: string;
}

/** How often the event loop is tested, in ms. */
export const LOOP_PROBE_INTERVAL_MS = 500;
/** In a second. */
const NANOSECONDS = 1e9;
const COLLECTION_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];
const LAG_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/**
 * Declares the metrics of the process in `registry` and begins to watch the event loop.
 *
 * @returns stops watching
 */
export function observeProcess(
  registry: MetricsRegistry,
  build: BuildInfo,
  ticker: Ticker = systemTicker,
): () => void {
  if (!registry.isEnabled) return () => {};
  declareBuild(registry, build);
  declareUsage(registry);
  declareOpenFiles(registry);
  const ends = [observeEventLoop(registry, ticker), observeCollections(registry, ticker)];
  return () => ends.forEach((end) => end());
}

function declareBuild(registry: MetricsRegistry, build: BuildInfo): void {
  registry.gaugeFamily<{ version: string; role: string; node_id: string; deno_version: string }>(
    "build_info",
    "1; the labels tell what runs here.",
    { version: firstOf(1), role: firstOf(1), node_id: firstOf(1), deno_version: firstOf(1) },
  ).set({
    version: build.version,
    role: build.role,
    node_id: build.nodeId,
    deno_version: Deno.version.deno,
  }, 1);
}

function declareUsage(registry: MetricsRegistry): void {
  const cpu = registry.counter("process_cpu_seconds_total", "CPU time used, user and system.");
  const resident = registry.gauge("process_resident_memory_bytes", "Resident memory.");
  const started = registry.gauge("process_start_time_seconds", "Unix time of the start.");
  const heapUsed = registry.gauge("heap_used_bytes", "Memory of live JavaScript objects.");
  const heapTotal = registry.gauge("heap_total_bytes", "Memory reserved for JavaScript objects.");
  const external = registry.gauge(
    "heap_external_bytes",
    "Memory held by objects outside the heap.",
  );
  started.set(Math.round(performance.timeOrigin) / 1_000);
  let countedSeconds = 0;
  registry.beforeScrape(() => {
    const { user, system } = process.cpuUsage();
    const seconds = (user + system) / 1_000_000;
    cpu.inc(Math.max(0, seconds - countedSeconds));
    countedSeconds = Math.max(countedSeconds, seconds);
    const memory = Deno.memoryUsage();
    resident.set(memory.rss);
    heapUsed.set(memory.heapUsed);
    heapTotal.set(memory.heapTotal);
    external.set(memory.external);
  });
}

/** Only Linux tells how many files a process has open, and not in every sandbox. */
function declareOpenFiles(registry: MetricsRegistry): void {
  const limit = openFilesMax();
  if (limit === undefined) return;
  const openFiles = registry.gauge("process_open_fds", "Open file descriptors.");
  registry.gauge("process_max_fds", "Open file descriptors allowed.").set(limit);
  registry.beforeScrape(() => openFiles.set([...Deno.readDirSync("/proc/self/fd")].length));
}

function openFilesMax(): number | undefined {
  let limits: string;
  try {
    limits = Deno.readTextFileSync("/proc/self/limits");
  } catch {
    return undefined;
  }
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1];
  return soft === undefined || soft === "unlimited" ? Infinity : Number(soft);
}

/** A timer that is late was held up by whatever else the loop did. */
function observeEventLoop(registry: MetricsRegistry, ticker: Ticker): () => void {
  const lag = registry.histogram(
    "event_loop_lag_seconds",
    "How late the event loop came to a timer.",
    LAG_SECONDS,
  );
  let dueAtMs = ticker.now() + LOOP_PROBE_INTERVAL_MS;
  return ticker.every(LOOP_PROBE_INTERVAL_MS, () => {
    const nowMs = ticker.now();
    lag.observe(Math.max(0, nowMs - dueAtMs) / 1_000);
    dueAtMs = nowMs + LOOP_PROBE_INTERVAL_MS;
  });
}

/**
 * V8 writes its collections down for whoever asks; `PerformanceObserver` hears of none on Deno 2.9.6.
 * Asked as often as the loop is probed, so that a process that nobody scrapes keeps no long list.
 */
function observeCollections(registry: MetricsRegistry, ticker: Ticker): () => void {
  const durations = registry.histogramFamily<{ kind: "minor" | "major" }>(
    "gc_duration_seconds",
    "Time of a garbage collection: minor, of young objects alone, or major.",
    COLLECTION_SECONDS,
    { kind: oneOf("minor", "major") },
  );
  // Runtimes before Deno 2.9 have none, and a program that is compiled for one must start all the same.
  const Profiler: typeof v8.GCProfiler | undefined = v8.GCProfiler;
  if (Profiler === undefined) return () => {};
  const profiler = new Profiler();
  profiler.start();
  const count = () => {
    for (const { gcType, cost } of profiler.stop()?.statistics ?? []) {
      const kind = gcType === "Scavenge" ? "minor" : "major";
      durations.observe({ kind }, cost / NANOSECONDS);
    }
  };
  const stopTicking = ticker.every(LOOP_PROBE_INTERVAL_MS, () => {
    count();
    profiler.start();
  });
  return () => {
    stopTicking();
    count();
  };
}
