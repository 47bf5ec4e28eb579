import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeFrame, readFrames } from "./frames.ts";

async function framesOf(chunks: readonly Uint8Array[], bytesMax = 1 << 20): Promise<unknown[]> {
  return await Array.fromAsync(readFrames(ReadableStream.from(chunks), bytesMax));
}

function joined(frames: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(frames.flatMap((frame) => [...frame]));
}

Deno.test("two frames are read whole wherever the stream is split", async () => {
  const messages = [{ kind: "log", line: "one" }, { kind: "end", bytes: new Uint8Array([1, 2]) }];
  const whole = joined(messages.map(encodeFrame));
  for (let split = 0; split <= whole.length; split++) {
    assert.deepEqual(await framesOf([whole.subarray(0, split), whole.subarray(split)]), messages);
  }
  assert.deepEqual(await framesOf([...whole].map((byte) => new Uint8Array([byte]))), messages);
});

Deno.test("any messages come out as they went in, however they are cut", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.record({ line: fc.string(), bytes: fc.uint8Array() }, { noNullPrototype: true }), {
      maxLength: 5,
    }),
    fc.integer({ min: 1, max: 64 }),
    async (messages, size) => {
      const whole = joined(messages.map(encodeFrame));
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < whole.length; at += size) chunks.push(whole.subarray(at, at + size));
      assert.deepEqual(await framesOf(chunks), messages);
    },
  ));
});

Deno.test("a frame over the limit is refused before it is read", async () => {
  await assert.rejects(framesOf([new Uint8Array([0, 0, 1, 0])], 255), /256 bytes .* limit of 255/);
});
