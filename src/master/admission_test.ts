import assert from "node:assert/strict";
import { builtinJobTypes } from "../job_types/mod.ts";
import { Refusal, type Submission } from "../rpc/mod.ts";
import { Admission } from "./admission.ts";

const RULES = {
  payloadBytesMax: 1_000,
  maxRetriesDefault: 3,
  timeoutMsDefault: 60_000,
  retryDelayMsDefault: 500,
};
const NOW_MS = 1_000_000;
const admission = new Admission(() => RULES, builtinJobTypes());

const BY = { submittedBy: "ada", namespace: "default" };

function submission(changes: Partial<Submission> = {}): Submission {
  return { type: "custom", payload: new Uint8Array(0), priority: 5, ...changes };
}

function admitted(changes: Partial<Submission> = {}) {
  return admission.admit(submission(changes), "j1", BY, NOW_MS);
}

function refusal(changes: Partial<Submission>, reason = "invalid"): string {
  try {
    admitted(changes);
  } catch (failure) {
    assert.ok(failure instanceof Refusal);
    assert.equal(failure.reason, reason);
    assert.equal(failure.retryAfterMs, undefined, "waiting changes nothing");
    return failure.message;
  }
  throw new Error(`it was admitted: ${JSON.stringify(changes)}`);
}

Deno.test("what a submission leaves open is the cluster's; what it says holds, zero too", () => {
  assert.deepEqual(admitted(), {
    id: "j1",
    type: "custom",
    payload: new Uint8Array(0),
    priority: 5,
    maxRetries: 3,
    timeoutMs: 60_000,
    retryDelayMs: 500,
    submittedBy: "ada",
  });
  const own = admitted({ maxRetries: 0, timeoutMs: 1, retryDelayMs: 0, delayMs: 5_000 });
  assert.deepEqual(
    [own.maxRetries, own.timeoutMs, own.retryDelayMs, own.notBeforeMs],
    [0, 1, 0, NOW_MS + 5_000],
  );
});

Deno.test("a job that would expire before its time to run has come is refused, and one that has a moment is not", () => {
  const options = { expireAfterMs: 5_000 };
  assert.match(
    refusal({ delayMs: 5_000, options }),
    /not to run for 5000 ms, and expires 5000 ms from now, .* never run/,
  );
  assert.match(refusal({ runAtMs: NOW_MS + 60_000, options }), /not to run for 60000 ms/);
  assert.equal(admitted({ delayMs: 4_999, options }).notBeforeMs, NOW_MS + 4_999);
  assert.equal(admitted({ runAtMs: NOW_MS - 1, options }).notBeforeMs, undefined);
});

Deno.test("an empty map or no key takes no room in the log", () => {
  const spec = admitted({ labels: {}, requiredTags: {} });
  for (const name of ["labels", "requiredTags", "idempotencyKey", "notBeforeMs"]) {
    assert.ok(!(name in spec), name);
  }
});

Deno.test("a payload may have exactly as many bytes as are allowed", () => {
  admitted({ payload: new Uint8Array(1_000) });
  assert.match(
    refusal({ payload: new Uint8Array(1_001) }, "too_large"),
    /the payload is 1001 bytes; jobs\.payload_bytes_max allows 1000\. Put large input/,
  );
});

Deno.test("what cannot be a job is refused with what it may be", () => {
  const table: [Partial<Submission>, RegExp][] = [
    [{ type: "" }, /type is empty/],
    [{ type: "a b" }, /type "a b" is not a name/],
    [{ type: "-x" }, /is not a name/],
    [{ type: "x".repeat(129) }, /is not a name/],
    [{ type: "x\nfake log line" }, /"x\\nfake log line" is not a name/],
    [{ maxRetries: -1 }, /max_retries is -1; it may be 0 to 1000/],
    [{ maxRetries: 1_001 }, /max_retries is 1001/],
    [{ timeoutMs: -1 }, /timeout is -1 ms/],
    [{ delayMs: Number.POSITIVE_INFINITY }, /delay is Infinity ms/],
    [{ retryDelayMs: Number.NaN }, /retry_delay is NaN ms/],
    [{ idempotencyKey: "k".repeat(257) }, /idempotency_key has 257 characters; it may have 256/],
    [{ labels: { "": "x" } }, /labels has an empty key/],
    [{ labels: { a: "x".repeat(257) } }, /labels\["a"\] has 257 characters/],
    [{ requiredTags: { ["k".repeat(257)]: "" } }, /a key of required_tags has 257 characters/],
    [
      { labels: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`k${n}`, ""])) },
      /labels has 65 entries; it may have 64/,
    ],
  ];
  for (const [changes, expected] of table) assert.match(refusal(changes), expected);
});

Deno.test("every fault of a submission is told at once, the payload's among them", () => {
  const message = refusal({
    type: "test_sleep",
    payload: new TextEncoder().encode('{"duration":"never","bad":1}'),
    maxRetries: -1,
    labels: { "": "" },
  });
  for (const fault of [/max_retries/, /labels/, /duration/, /"bad"/]) assert.match(message, fault);
});

Deno.test("a payload that the master parses may be nested as deeply as JSON may be here", () => {
  const nested = (levels: number) => {
    const lists = `${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}`;
    return new TextEncoder().encode(`{"duration":"1ms","result":${lists}}`);
  };
  admitted({ type: "test_sleep", payload: nested(100) });
  assert.equal(
    refusal({ type: "test_sleep", payload: nested(101) }),
    "the payload is nested deeper than the 100 levels of lists and objects that JSON may have here",
  );
  for (const type of ["noop", "custom"]) admitted({ type, payload: nested(101) });
});

Deno.test("the payload of a type that only workers know is their business", () => {
  admitted({ type: "somebodys.own/type:v2", payload: Uint8Array.of(0xff) });
});

Deno.test("a near name is suggested for a type that is unknown, never for one that is known", () => {
  assert.equal(admission.suggest("test_slep"), "test_sleep");
  assert.equal(admission.suggest("test_sleep"), undefined);
  assert.equal(admission.suggest("something_else"), undefined);
});

Deno.test("what a submission leaves open is its type's before it is the cluster's", () => {
  const ofTypes = new Map([["crawl", {
    maxRetries: 9,
    backoff: "fixed" as const,
    retryDelayMaxMs: 70,
  }]]);
  const rules = { ...RULES, ofTypes };
  const admit = (changes: Partial<Submission>) =>
    new Admission(() => rules, builtinJobTypes()).admit(submission(changes), "j1", BY, NOW_MS);
  const crawl = admit({ type: "crawl" });
  assert.deepEqual([crawl.maxRetries, crawl.retryDelayMs, crawl.timeoutMs], [9, 500, 60_000]);
  assert.deepEqual(crawl.options, { backoff: "fixed", retryDelayMaxMs: 70 });
  const said = admit({ type: "crawl", maxRetries: 0, options: { backoff: "exponential" } });
  assert.equal(said.maxRetries, 0);
  assert.equal(said.options?.backoff, "exponential");
  assert.equal(admit({}).options, undefined);
});

Deno.test("a job may be due until the end of 9999, which is as far as a Timestamp goes", () => {
  const lastMs = Date.parse("9999-12-31T23:59:59.999Z");
  assert.equal(admitted({ runAtMs: lastMs }).notBeforeMs, lastMs);
  assert.match(refusal({ runAtMs: lastMs + 1 }), /run_at is 253402300800000 ms after 1970/);
  assert.match(refusal({ runAtMs: -1 }), /run_at is -1 ms after 1970/);
});
