import assert from "node:assert/strict";
import fc from "fast-check";
import { anyCommand } from "./command_arbitrary_test_support.ts";
import { JobMachine } from "./machine.ts";
import { MemoryJobStore } from "./memory_store.ts";

const command = anyCommand({
  name: fc.constantFrom("", "a", "b", "__proto__", "constructor", "\u0000", "ä\ud83d\ude00"),
  time: fc.oneof(fc.nat(5), fc.maxSafeNat()),
});

/** A command, and whether a flush follows. */
const steps = fc.array(fc.tuple(command, fc.boolean()), { maxLength: 60, size: "max" });

Deno.test("no command that can be decoded makes apply throw, and replicas stay alike", () => {
  fc.assert(
    fc.property(steps, (steps) => {
      const store = new MemoryJobStore();
      const flushing = new JobMachine(store);
      const lazy = new JobMachine(new MemoryJobStore());
      steps.forEach(([command, flush], at) => {
        const position = { index: at + 1, term: 1 };
        assert.deepEqual(flushing.apply(command, position), lazy.apply(command, position));
        if (flush) flushing.flush();
      });
      assert.equal(flushing.stateHash(), lazy.stateHash());
      flushing.flush();
      assert.equal(new JobMachine(store).stateHash(), lazy.stateHash());
    }),
    { numRuns: 500 },
  );
});
