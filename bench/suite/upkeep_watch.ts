/**
 * When masters did what they do for their disks now and then: compacted the log, or copied the state
 * for a backup. By this the latencies of a load fall into those that were near such a moment, and the
 * rest, and a stall shows even if it is too rare for a p99 of all.
 *
 * @module
 */

import { clusterStatusOf } from "../../tests/ha/pages.ts";
import type { MasterProcess } from "../masters.ts";
import { type Latency, latencyOf } from "./latency.ts";

const LOOK_MS = 200;
/** Time before a compaction was seen, and after it, that counts as near it. */
const NEAR_MS = 300;

export interface NearAndFar {
  readonly moments: number;
  readonly near: Latency & { readonly calls: number };
  readonly far: Latency & { readonly calls: number };
}

export class UpkeepWatch {
  readonly #masters: readonly MasterProcess[];
  /** In the order of time; by `performance.now`. */
  readonly #moments: { readonly fromMs: number; readonly toMs: number }[] = [];
  readonly #calls: { readonly dueMs: number; readonly tookMs: number }[] = [];
  readonly #snapshotIndices = new Map<string, string>();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(masters: readonly MasterProcess[]) {
    this.#masters = masters;
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
  }

  /** A call that was due then took so long, counted from then. */
  called(dueMs: number, tookMs: number): void {
    this.#calls.push({ dueMs, tookMs });
  }

  /** Something that masters do for their disks went on for so long. */
  went(fromMs: number, toMs: number): void {
    this.#moments.push({ fromMs, toMs });
  }

  /** Of the calls since an earlier one. */
  latencySince(sinceMs: number): Latency {
    return latencyOf(this.#calls.filter((each) => each.dueMs >= sinceMs).map(took));
  }

  stop(): NearAndFar {
    clearInterval(this.#timer);
    const isNear = ({ dueMs }: { readonly dueMs: number }) =>
      this.#moments.some(({ fromMs, toMs }) => dueMs >= fromMs && dueMs <= toMs);
    const near = this.#calls.filter(isNear).map(took);
    const far = this.#calls.filter((each) => !isNear(each)).map(took);
    return {
      moments: this.#moments.length,
      near: { calls: near.length, ...latencyOf(near) },
      far: { calls: far.length, ...latencyOf(far) },
    };
  }

  async #look(): Promise<void> {
    await Promise.all(this.#masters.map(async (master) => {
      const index = (await clusterStatusOf(master))?.stats.last_snapshot_index;
      if (index === undefined) return;
      const before = this.#snapshotIndices.get(master.name);
      this.#snapshotIndices.set(master.name, index);
      if (before === undefined || before === index) return;
      const nowMs = performance.now();
      this.went(nowMs - LOOK_MS - NEAR_MS, nowMs + NEAR_MS);
    }));
  }
}

function took({ tookMs }: { readonly tookMs: number }): number {
  return tookMs;
}
