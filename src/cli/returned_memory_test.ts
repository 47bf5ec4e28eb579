import assert from "node:assert/strict";
import { SteppedTicker } from "../observability/stepped_ticker_test_support.ts";
import {
  LOOK_INTERVAL_MS,
  ownMemory,
  returnMemoryAtRest,
  TIMES_A_REST,
} from "./returned_memory.ts";

const PIECES = 100_000;

/** A process whose work a test sets. */
class Process {
  readonly #ticker = new SteppedTicker();
  #cpuMs = 4_000;
  given = 0;
  readonly stop = returnMemoryAtRest({
    cpuMs: () => this.#cpuMs,
    giveBack: () => {
      this.given++;
      return Promise.resolve();
    },
  }, this.#ticker);

  get isLookedAt(): boolean {
    return !this.#ticker.isIdle;
  }

  /** Lets looks go by, of which each finds that so much of one processor was used. */
  looks(count: number, share: number): void {
    for (let look = 0; look < count; look++) {
      this.#cpuMs += share * LOOK_INTERVAL_MS;
      this.#ticker.step(LOOK_INTERVAL_MS);
    }
  }
}

Deno.test("memory is given back when a node has come to rest, and not under load", () => {
  const node = new Process();
  node.looks(10, 0.9);
  assert.equal(node.given, 0);
  node.looks(1, 0.01);
  assert.equal(node.given, 1);
});

Deno.test("a node that rests gives back a few times and then lets it be until it has worked", () => {
  const node = new Process();
  node.looks(50, 0.02);
  assert.equal(node.given, TIMES_A_REST);
  node.looks(1, 0.5);
  node.looks(50, 0.02);
  assert.equal(node.given, 2 * TIMES_A_REST);
});

Deno.test("nothing is looked at any longer once it is told to stop", () => {
  const node = new Process();
  node.stop();
  assert.equal(node.isLookedAt, false);
});

Deno.test("where memory cannot be given back nothing is looked at", () => {
  const ticker = new SteppedTicker();
  returnMemoryAtRest({ cpuMs: () => 0, giveBack: undefined }, ticker);
  assert.equal(ticker.isIdle, true);
});

Deno.test({
  name: "what the C library keeps of a hundred thousand small pieces goes back to the system",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const residentBytes = () => Deno.memoryUsage().rss;
    const libc = Deno.dlopen("libc.so.6", {
      malloc: { parameters: ["usize"], result: "pointer" },
      free: { parameters: ["pointer"], result: "void" },
      memset: { parameters: ["pointer", "i32", "usize"], result: "pointer" },
    });
    try {
      const { malloc, free, memset } = libc.symbols;
      const pieces = Array.from({ length: PIECES }, () => memset(malloc(1_000n), 1, 1_000n));
      // The last one stays, so that the heap does not become shorter.
      for (const piece of pieces.slice(0, -1)) free(piece);
      const keptBytes = residentBytes();
      await ownMemory().giveBack?.();
      assert.ok(residentBytes() < keptBytes - PIECES * 1_000 / 2);
      free(pieces.at(-1) ?? null);
    } finally {
      libc.close();
    }
  },
});
