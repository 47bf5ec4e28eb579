import assert from "node:assert/strict";
import fc from "fast-check";
import { RetainedBytes } from "./raft_log_index.ts";

type Step = readonly [kind: "append" | "cut" | "drop", part: number, count: number];

Deno.test("bytes of appends that are cut and dropped are those of a plain list, but for an append cut in two", () => {
  const step: fc.Arbitrary<Step> = fc.tuple(
    fc.constantFrom("append", "append", "cut", "drop"),
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.integer({ min: 1, max: 5 }),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const sizes = new RetainedBytes();
    /** Index, bytes and the append that it came by. */
    let entries: { index: number; bytes: number; append: number }[] = [];
    let last = 0;
    const sum = (of: typeof entries) => of.reduce((total, { bytes }) => total + bytes, 0);
    for (const [append, [kind, part, count]] of steps.entries()) {
      if (kind === "append") {
        const added = Array.from({ length: count }, (_, at) => ({
          index: last + at + 1,
          bytes: 1 + (at * 7 + append) % 5,
          append,
        }));
        sizes.add(last + count, sum(added));
        entries.push(...added);
        last += count;
      } else if (kind === "cut" && entries.length > 0) {
        const index = entries[Math.floor(part * (entries.length - 1))]!.index;
        sizes.cutFrom(index, sum(entries.filter((each) => each.index >= index)));
        entries = entries.filter((each) => each.index < index);
        last = index - 1;
      } else if (kind === "drop" && entries.length > 0) {
        const index = entries[Math.floor(part * (entries.length - 1))]!.index;
        sizes.dropThrough(index);
        // Whole appends go.
        const amid = entries.find((each) => each.index > index)?.append;
        entries = entries.filter((each) => each.index > index || each.append === amid);
      }
      assert.equal(sizes.total, sum(entries));
    }
  }));
  const sizes = new RetainedBytes();
  sizes.add(3, 30);
  sizes.clear();
  assert.equal(sizes.total, 0);
});
