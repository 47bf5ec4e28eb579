/**
 * Where a running process allocates, taken over its inspector: every object of the time, or those
 * only that outlived the new generation, which are what the collector has to copy and to mark.
 *
 * @module
 */

import { after } from "./closed_loop.ts";
import { placeOf, shortUrl } from "./cpu_profile.ts";
import { inspected } from "./inspector.ts";

interface HeapNode {
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
  };
  /** Bytes. */
  readonly selfSize: number;
  readonly children: readonly HeapNode[];
}

/** As V8 makes it. */
export interface HeapProfile {
  readonly head: HeapNode;
}

/** One sample in so many bytes. */
const INTERVAL_BYTES = 16_384;

/**
 * Takes one.
 *
 * @param inspector `host:port`
 */
export function heapProfileOf(
  inspector: string,
  afterMs: number,
  lastingMs: number,
  which: "allocated" | "promoted",
): Promise<HeapProfile> {
  return inspected(inspector, async (call) => {
    await call("HeapProfiler.enable");
    await after(afterMs);
    await call("HeapProfiler.startSampling", {
      samplingInterval: INTERVAL_BYTES,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: which === "allocated",
    });
    await after(lastingMs);
    return (await call("HeapProfiler.stopSampling") as { profile: HeapProfile }).profile;
  });
}

/** The functions that allocate most themselves and with what they call, and whole packages. */
export function heapSummaryOf({ head }: HeapProfile, top: number): string {
  const functions = new Map<string, { self: number; total: number }>();
  const places = new Map<string, number>();
  const visit = (node: HeapNode, above: ReadonlySet<string>): number => {
    const { functionName, url, lineNumber } = node.callFrame;
    const name = `${functionName || "(anonymous)"} ${shortUrl(url)}:${lineNumber + 1}`;
    const under = new Set(above).add(name);
    const total = node.children.reduce((sum, child) => sum + visit(child, under), node.selfSize);
    const cost = functions.get(name) ?? { self: 0, total: 0 };
    cost.self += node.selfSize;
    if (!above.has(name)) cost.total += total;
    functions.set(name, cost);
    const place = placeOf(functionName, url);
    places.set(place, (places.get(place) ?? 0) + node.selfSize);
    return total;
  };
  const all = visit(head, new Set());
  const share = (bytes: number) => `${(100 * bytes / Math.max(1, all)).toFixed(1).padStart(5)} %`;
  const rows = (key: "self" | "total") =>
    [...functions].toSorted(([, a], [, b]) => b[key] - a[key]).slice(0, top)
      .map(([name, cost]) => `${share(cost.self)} ${share(cost.total)}  ${name}`);
  return [
    `${(all / 2 ** 20).toFixed(0)} MiB`,
    "by place:",
    ...[...places].toSorted(([, a], [, b]) => b - a).slice(0, top)
      .map(([place, bytes]) => `${share(bytes)}  ${place}`),
    "",
    "   self   total  most by themselves",
    ...rows("self"),
    "",
    "   self   total  most with what they call",
    ...rows("total"),
  ].join("\n");
}
