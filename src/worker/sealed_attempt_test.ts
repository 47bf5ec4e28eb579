import assert from "node:assert/strict";
import type { JobView } from "../rpc/light.ts";
import { isSealed, PayloadKeys } from "../security/light.ts";
import type { AttemptListener } from "./attempt.ts";
import type { ToldSpan } from "./attempt_spans.ts";
import { type AttemptSeal, openedParent, openedPayload } from "./sealed_attempt.ts";

const KEYS = new PayloadKeys([btoa("1".repeat(32))]);
const TEXT = { kind: "text", jobId: "j" } as const;
const bytes = (text: string) => new TextEncoder().encode(text);

async function sealedJob(more: Partial<JobView> = {}): Promise<JobView> {
  const payload = await KEYS.seal(bytes("{}"), { kind: "payload", jobType: "http" });
  return { id: "j", type: "http", payload, ...more } as JobView;
}

async function sealOf(job: JobView): Promise<AttemptSeal> {
  const opened = await openedPayload(job, KEYS);
  assert.ok(opened.ok && opened.seal !== undefined);
  return opened.seal;
}

function listening() {
  const lines: string[] = [];
  const messages: string[] = [];
  const spans: ToldSpan[] = [];
  let skipped = 0;
  const listener: AttemptListener = {
    parentResult: () => Promise.reject(new Error("nobody asks")),
    progress: (_, message) => void messages.push(message),
    log: (line) => void lines.push(line),
    skippedLog: (count) => void (skipped += count),
    span: (told) => void spans.push(told),
  };
  return { listener, lines, messages, spans, skipped: () => skipped };
}

Deno.test("a payload in clear is left alone, an encrypted one is opened, and a key that is missing is named", async () => {
  const plain = await openedPayload({ type: "http", payload: bytes("{}") } as JobView, KEYS);
  assert.deepEqual(plain, { ok: true, payload: bytes("{}"), seal: undefined });
  const job = await sealedJob();
  const opened = await openedPayload(job, KEYS);
  assert.ok(opened.ok);
  assert.deepEqual(opened.payload, bytes("{}"));
  const [id] = await KEYS.ids();
  assert.deepEqual(await openedPayload(job, PayloadKeys.none), {
    ok: false,
    error: `the payload cannot be read: it is encrypted with payload key ${id}, and there is no ` +
      "payload key here",
  });
  const elsewhere = await openedPayload({ ...job, type: "exec" }, KEYS);
  assert.match(elsewhere.ok ? "" : elsewhere.error, /is not of a job of type "exec"/);
});

Deno.test("lines leave encrypted, in their order and before the end; of too many, the last ones", async () => {
  const seal = await sealOf(await sealedJob());
  const { listener, lines, messages, skipped } = listening();
  const told = seal.listener(listener);
  told.log("line 0");
  told.skippedLog?.(3);
  for (let line = 1; line <= 1_500; line++) told.log(`line ${line}`);
  told.progress(0.5, "half done");
  const end = await seal.end({ ok: true, output: bytes("result"), contentType: "text/plain" });
  assert.ok(end.ok && isSealed(end.output));
  assert.equal(skipped() + lines.length, 1_504);
  assert.ok(lines.length <= 1_000);
  const clear = await Promise.all(lines.map((line) => KEYS.openText(line, TEXT)));
  assert.equal(clear.at(-1), "line 1500");
  const numbers = clear.map((line) => Number(line.split(" ")[1]));
  assert.deepEqual(numbers, numbers.toSorted((a, b) => a - b));
  const said = await Promise.all(messages.map((each) => KEYS.openText(each, TEXT)));
  assert.deepEqual(said, ["half done"]);
  // With their spaces: "line" and "half" by themselves come of chance, once in a hundred times.
  for (const each of [...lines, ...messages]) assert.ok(!/line \d|half done/.test(each));
});

Deno.test("a trace learns when the parts of an encrypted job were, and nothing of what they did", async () => {
  const seal = await sealOf(await sealedJob());
  const { listener, spans } = listening();
  const { span } = seal.listener(listener);
  const values = { "url.full": "https://example.com/secret" };
  span({ kind: "began", id: 1, parent: 0, name: "fetch", atMs: 5, values });
  span({ kind: "ended", id: 1, atMs: 7, error: "no secret there" });
  span({ kind: "ended", id: 2, atMs: 8, error: "" });
  assert.deepEqual(spans, [
    { kind: "began", id: 1, parent: 0, name: "fetch", atMs: 5, values: {} },
    { kind: "ended", id: 1, atMs: 7, error: "it failed" },
    { kind: "ended", id: 2, atMs: 8, error: "" },
  ]);
});

Deno.test("an error leaves encrypted and short enough, and what must not be retried is known before", async () => {
  const seal = await sealOf(await sealedJob({ options: { nonRetryableErrors: ["no such page"] } }));
  const failed = (error: string) => seal.end({ ok: false, error, permanent: false });
  const once = await failed("404: no such page");
  assert.ok(!once.ok && once.permanent && !once.error.includes("page"));
  assert.equal(await KEYS.openText(once.error, TEXT), "404: no such page");
  const long = await failed("ü".repeat(10_000));
  assert.ok(!long.ok && !long.permanent && long.error.length <= 4_096);
  assert.match(await KEYS.openText(long.error, TEXT), /^ü{1400,}…$/);
});

Deno.test("the result of a parent is opened, and one that cannot be fails the job for good", async () => {
  const output = await KEYS.seal(bytes("result"), { kind: "result", jobId: "p" });
  const parent = { status: "completed", output, contentType: "text/plain", error: "" };
  assert.deepEqual((await openedParent(parent, "p", KEYS)).output, bytes("result"));
  await assert.rejects(openedParent(parent, "p", PayloadKeys.none), {
    name: "PermanentJobError",
    message: /^the result of job p cannot be read: it is encrypted with payload key/,
  });
});
