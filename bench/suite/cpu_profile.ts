/**
 * CPU profiles of running processes, taken over their inspector.
 *
 * @module
 */

import { after } from "./closed_loop.ts";
import { inspected } from "./inspector.ts";

/** As V8 makes it, and Chrome's DevTools open it. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly children?: readonly number[];
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
  }[];
  readonly samples: readonly number[];
  /** Before each sample, in µs. */
  readonly timeDeltas: readonly number[];
}

/** Samples are so far apart. */
const INTERVAL_US = 200;

/**
 * Takes one.
 *
 * @param inspector `host:port`
 */
export function cpuProfileOf(
  inspector: string,
  afterMs: number,
  lastingMs: number,
): Promise<CpuProfile> {
  return inspected(inspector, async (call) => {
    await call("Profiler.enable");
    await call("Profiler.setSamplingInterval", { interval: INTERVAL_US });
    await after(afterMs);
    await call("Profiler.start");
    await after(lastingMs);
    return (await call("Profiler.stop") as { profile: CpuProfile }).profile;
  });
}

interface Cost {
  selfUs: number;
  totalUs: number;
}

/** The functions that take the most themselves, those with what they call, and whole packages. */
export function summaryOf(profile: CpuProfile, top: number): string {
  const selfUs = new Map<number, number>();
  profile.samples.forEach((id, at) => {
    // A longer gap is one in which the machine did something else.
    const us = Math.min(profile.timeDeltas[at] ?? 0, 2 * INTERVAL_US);
    selfUs.set(id, (selfUs.get(id) ?? 0) + us);
  });
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const functions = new Map<string, Cost>();
  const places = new Map<string, number>();
  let busyUs = 0;
  /** A function that calls itself counts once. */
  const visit = (id: number, above: ReadonlySet<string>): number => {
    const node = byId.get(id);
    if (node === undefined) return 0;
    const { functionName, url, lineNumber } = node.callFrame;
    const name = `${functionName || "(anonymous)"} ${shortUrl(url)}:${lineNumber + 1}`;
    const own = selfUs.get(id) ?? 0;
    const under = new Set(above).add(name);
    const total = (node.children ?? []).reduce((sum, child) => sum + visit(child, under), own);
    const cost = functions.get(name) ?? { selfUs: 0, totalUs: 0 };
    cost.selfUs += own;
    if (!above.has(name)) cost.totalUs += total;
    functions.set(name, cost);
    if (functionName !== "(idle)" && functionName !== "(root)") {
      busyUs += own;
      const place = placeOf(functionName, url);
      places.set(place, (places.get(place) ?? 0) + own);
    }
    return total;
  };
  const root = profile.nodes[0];
  if (root !== undefined) visit(root.id, new Set());
  const share = (us: number) => `${(100 * us / Math.max(1, busyUs)).toFixed(1).padStart(5)} %`;
  const rows = (key: keyof Cost) =>
    [...functions].toSorted(([, a], [, b]) => b[key] - a[key]).slice(0, top)
      .map(([name, cost]) => `${share(cost.selfUs)} ${share(cost.totalUs)}  ${name}`);
  return [
    `busy ${(busyUs / 1_000).toFixed(0)} ms of ` +
    `${(profile.timeDeltas.reduce((sum, each) => sum + each, 0) / 1_000).toFixed(0)} ms`,
    "by place:",
    ...[...places].toSorted(([, a], [, b]) => b - a).slice(0, top)
      .map(([place, us]) => `${share(us)}  ${place}`),
    "",
    "   self   total  most by themselves",
    ...rows("selfUs"),
    "",
    "   self   total  most with what they call",
    ...rows("totalUs"),
  ].join("\n");
}

export function shortUrl(url: string): string {
  return url.replace(/^.*\/(src|npm|registry\.npmjs\.org)\//, "$1/");
}

/** A room of ours, a package, or the runtime. */
export function placeOf(functionName: string, url: string): string {
  if (url === "") return functionName.startsWith("(") ? functionName : "native";
  const room = /\/src\/([^/]+)\//.exec(url)?.[1];
  if (room !== undefined && url.startsWith("file:") && !url.includes("registry.npmjs.org")) {
    return `src/${room}`;
  }
  const pack = /registry\.npmjs\.org\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  return pack ?? url.replace(/\/[^/]*$/, "");
}
