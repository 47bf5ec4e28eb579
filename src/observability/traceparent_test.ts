import assert from "node:assert/strict";
import { formatTraceparent, newSpanId, newTraceId, parseTraceparent } from "./traceparent.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";

Deno.test("the specification's own example is read and written back", () => {
  const text = `00-${TRACE}-${SPAN}-01`;
  const context = parseTraceparent(text);
  assert.deepEqual(context, { traceId: TRACE, spanId: SPAN, isSampled: true });
  assert.equal(context && formatTraceparent(context), text);
});

Deno.test("the flags tell whether the trace is recorded, whatever other bits are set", () => {
  for (const [flags, isSampled] of [["00", false], ["02", false], ["03", true], ["ff", true]]) {
    assert.equal(parseTraceparent(`00-${TRACE}-${SPAN}-${flags}`)?.isSampled, isSampled);
  }
});

Deno.test("a later version may say more, and is read as far as it is known", () => {
  assert.equal(parseTraceparent(`cc-${TRACE}-${SPAN}-01-what-will-be`)?.traceId, TRACE);
  assert.equal(parseTraceparent(`cc-${TRACE}-${SPAN}-01.what`), undefined);
});

const MALFORMED: Readonly<Record<string, string | undefined>> = {
  "absent": undefined,
  "empty": "",
  "too short": `00-${TRACE}-${SPAN}`,
  "upper case": `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  "not hexadecimal": `00-${"g".repeat(32)}-${SPAN}-01`,
  "no trace": `00-${"0".repeat(32)}-${SPAN}-01`,
  "no span": `00-${TRACE}-${"0".repeat(16)}-01`,
  "the forbidden version": `ff-${TRACE}-${SPAN}-01`,
  "version 00 with more": `00-${TRACE}-${SPAN}-01-more`,
  "a newline": `00-${TRACE}-${SPAN}-01\n`,
  "a megabyte": `cc-${TRACE}-${SPAN}-01-${"x".repeat(1_000_000)}`,
};
for (const [what, text] of Object.entries(MALFORMED)) {
  Deno.test(`a traceparent that is malformed (${what}) is none`, () => {
    assert.equal(parseTraceparent(text), undefined);
  });
}

Deno.test("ids are well formed and do not repeat", () => {
  const ids = new Set<string>();
  for (let count = 0; count < 10_000; count++) {
    const traceId = newTraceId();
    const spanId = newSpanId();
    const text = formatTraceparent({ traceId, spanId, isSampled: false });
    assert.deepEqual(parseTraceparent(text), { traceId, spanId, isSampled: false });
    ids.add(traceId).add(spanId);
  }
  assert.equal(ids.size, 20_000);
});
