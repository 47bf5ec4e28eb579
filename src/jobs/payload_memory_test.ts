import assert from "node:assert/strict";
import fc from "fast-check";
import { MemoryJobStore } from "./memory_store.ts";
import { Scene } from "./scene_test_support.ts";
import type { StoreBatch } from "./store.ts";

const BUDGET_BYTES = 64;

/** Most share a slab, some are too large for that, few are larger than all slabs together. */
const sizes = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 0, max: BUDGET_BYTES / 4 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 * BUDGET_BYTES }) },
);

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("submit" as const), bytes: sizes }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("cancel" as const),
      jobs: fc.integer({ min: 1, max: 40 }),
      newestFirst: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: "flush" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "failing flush" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "crash" as const }) },
);

/** A disk that is full now and then. */
class FailingStore extends MemoryJobStore {
  isFull = false;

  override write(batch: StoreBatch): void {
    if (this.isFull) throw new Error("disk full");
    super.write(batch);
  }
}

Deno.test("every job has its payload at any time, whoever came or left, flushed or not", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
      const store = new FailingStore();
      const scene = new Scene({ payloadMemoryBytesMax: BUDGET_BYTES }, store);
      const payloads = new Map<string, Uint8Array>();
      const waiting: string[] = [];
      for (const each of steps) {
        if (each.kind === "submit") {
          const id = `job-${payloads.size}`;
          const payload = new Uint8Array(each.bytes).fill(payloads.size % 255 + 1);
          waiting.push(scene.submit(id, { payload }));
          payloads.set(id, payload);
        } else if (each.kind === "cancel") {
          const jobIds = waiting.splice(each.newestFirst ? -each.jobs : 0, each.jobs);
          scene.apply({ kind: "cancel", jobIds, reason: "", by: "" });
        } else if (each.kind === "crash") {
          scene.crash();
        } else if (each.kind === "flush") {
          scene.machine.flush();
        } else if (scene.machine.dirtyCount > 0) {
          store.isFull = true;
          assert.throws(() => scene.machine.flush(), { message: "disk full" });
          store.isFull = false;
        }
        for (const [id, payload] of payloads) {
          assert.deepEqual(scene.machine.payload(id), payload, `${id} after ${each.kind}`);
        }
      }
    }),
    { numRuns: 300 },
  );
});
