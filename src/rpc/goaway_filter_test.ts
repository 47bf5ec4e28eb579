import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { GoawayFilter } from "./goaway_filter.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

function frame(type: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  return Buffer.concat([header, payload]);
}

Deno.test("a peer's frames pass in any pieces, and its GOAWAYs do not", () => {
  const anyFrame = fc.record({
    type: fc.oneof(fc.constant(7), fc.integer({ min: 0, max: 12 })),
    payload: fc.uint8Array({ maxLength: 40 }),
  });
  fc.assert(fc.property(
    fc.constantFrom("client", "server"),
    fc.array(anyFrame, { maxLength: 12 }),
    fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 40 }),
    (peer, frames, sizes) => {
      const preface = peer === "client" ? PREFACE : Buffer.alloc(0);
      const whole = Buffer.concat([preface, ...frames.map((f) => frame(f.type, f.payload))]);
      const expected = Buffer.concat([
        preface,
        ...frames.filter((f) => f.type !== 7).map((f) => frame(f.type, f.payload)),
      ]);
      const filter = new GoawayFilter(peer);
      const passed: Buffer[] = [];
      for (let at = 0, turn = 0; at < whole.length; turn++) {
        const size = sizes[turn % sizes.length]!;
        passed.push(Buffer.from(filter.pass(whole.subarray(at, at + size))));
        at += size;
      }
      assert.deepEqual(Buffer.concat(passed), expected);
      assert.equal(filter.hasSaidGoodbye, frames.some((f) => f.type === 7));
    },
  ));
});

Deno.test("bytes without a GOAWAY are passed on without being copied", () => {
  const filter = new GoawayFilter();
  const chunk = Buffer.concat([PREFACE, frame(4, new Uint8Array(6)), frame(1, new Uint8Array(9))]);
  assert.equal(filter.pass(chunk), chunk);
});
