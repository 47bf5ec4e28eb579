import assert from "node:assert/strict";
import { forgiving, writeAll } from "./terminal.ts";
import { recording } from "./terminal_test_support.ts";

/** A stream that takes two bytes at a time, after each of `faults`. */
function streamAfter(...faults: readonly Error[]) {
  const left = [...faults];
  const taken: number[] = [];
  return {
    taken,
    writeSync(bytes: Uint8Array): number {
      const fault = left.shift();
      if (fault !== undefined) throw fault;
      taken.push(...bytes.subarray(0, 2));
      return Math.min(2, bytes.byteLength);
    },
  };
}

Deno.test("all of a text is written to a stream that takes nothing for the moment", () => {
  const full = new Deno.errors.WouldBlock("Resource temporarily unavailable (os error 11)");
  const stream = streamAfter(full, full);
  writeAll(stream, "stdout", new Uint8Array([1, 2, 3, 4, 5]));
  assert.deepEqual(stream.taken, [1, 2, 3, 4, 5]);
});

Deno.test("a stream that cannot be written to is named, and one that nobody reads is known as such", () => {
  const full = streamAfter(new Error("No space left on device (os error 28)"));
  assert.throws(() => writeAll(full, "stdout", new Uint8Array(1)), {
    message: "cannot write to stdout: No space left on device",
  });
  const unread = streamAfter(new Deno.errors.BrokenPipe("Broken pipe (os error 32)"));
  assert.throws(() => writeAll(unread, "stdout", new Uint8Array(1)), Deno.errors.BrokenPipe);
});

Deno.test("a stderr that cannot be written to takes no answer away, one that nobody reads ends the command", () => {
  const failing = (failure: Error) =>
    forgiving({
      ...recording().err,
      write() {
        throw failure;
      },
    });
  failing(new Error("cannot write to stderr: No space left on device")).write("told");
  assert.throws(
    () => failing(new Deno.errors.BrokenPipe("Broken pipe")).write("told"),
    Deno.errors.BrokenPipe,
  );
});
