/**
 * What nodes measure, described: for documentation, and for tests that hold dashboards and alerts
 * against it.
 *
 * @module
 */

import { createMasterMetrics } from "./master_metrics.ts";
import { exposedName, type MetricsRegistry } from "./metrics_registry.ts";
import { observeProcess } from "./process_metrics.ts";
import { createWorkerMetrics } from "./worker_metrics.ts";

/** One metric. */
export interface MetricDescription {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly labels: readonly string[];
  readonly help: string;
  /** Who shows it. */
  readonly roles: readonly ("master" | "worker")[];
}

/** Every metric of every node, by name. */
export function describeMetrics(): MetricDescription[] {
  const masters = declared((registry) => createMasterMetrics(registry));
  const workers = declared((registry) => createWorkerMetrics(registry));
  const names = new Set([...masters.keys(), ...workers.keys()]);
  return [...names].sort().map((name) => {
    const roles = [
      ...(masters.has(name) ? ["master" as const] : []),
      ...(workers.has(name) ? ["worker" as const] : []),
    ];
    return { ...(masters.get(name) ?? workers.get(name))!, roles };
  });
}

type Declared = Map<string, Omit<MetricDescription, "roles">>;

function declared(declare: (registry: MetricsRegistry) => void): Declared {
  const metrics: Declared = new Map();
  const registry = recordingRegistry((type, name, help, labels) => {
    metrics.set(exposedName(name), { name: exposedName(name), type, help, labels });
  });
  declare(registry);
  const idle = { every: () => () => {}, now: () => 0 };
  observeProcess(registry, { version: "", role: "", nodeId: "" }, idle)();
  return metrics;
}

/** Writes down what is declared, and counts nothing. */
function recordingRegistry(
  record: (
    type: MetricDescription["type"],
    name: string,
    help: string,
    labels: readonly string[],
  ) => void,
): MetricsRegistry {
  const nothing = () => {};
  return {
    isEnabled: true,
    counter(name, help) {
      record("counter", name, help, []);
      return { inc: nothing };
    },
    counterFamily(name, help, labels) {
      record("counter", name, help, Object.keys(labels));
      return { inc: nothing };
    },
    gauge(name, help) {
      record("gauge", name, help, []);
      return { set: nothing, inc: nothing, dec: nothing, clear: nothing };
    },
    gaugeFamily(name, help, labels) {
      record("gauge", name, help, Object.keys(labels));
      return { set: nothing, replaceAll: nothing };
    },
    histogram(name, help) {
      record("histogram", name, help, []);
      return { observe: nothing };
    },
    histogramFamily(name, help, _buckets, labels) {
      record("histogram", name, help, Object.keys(labels));
      return { observe: nothing };
    },
    beforeScrape: nothing,
    expose: () => Promise.resolve({ contentType: "", text: "" }),
  };
}
