import assert from "node:assert/strict";
import fc from "fast-check";
import {
  base64Of,
  clearBytesIn,
  ENVELOPE_BYTES,
  envelopeOf,
  isSealed,
  textOfEnvelope,
} from "./payload_envelope.ts";
import { readPayloadKeys } from "./payload_key_file.ts";
import { PayloadKeyError, PayloadKeys, type SealContext } from "./payload_keys.ts";

const keyOf = (byte: number) => base64Of(new Uint8Array(32).fill(byte));
const OLD = keyOf(1);
const NEW = keyOf(2);
const PAYLOAD: SealContext = { kind: "payload", jobType: "http" };
const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("any payload comes back as it was, longer by the envelope, and is no text on its way", async () => {
  const keys = new PayloadKeys([OLD]);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (clear) => {
      const sealed = await keys.seal(clear, PAYLOAD);
      assert.equal(sealed.length, clear.length + ENVELOPE_BYTES);
      assert.ok(isSealed(sealed));
      assert.throws(() => new TextDecoder("utf-8", { fatal: true }).decode(sealed));
      assert.deepEqual(await keys.open(sealed, PAYLOAD), new Uint8Array(clear));
      const text = await keys.sealText("résumé", { kind: "text", jobId: "j" });
      assert.equal(
        await keys.openText(`was: ${text}.`, { kind: "text", jobId: "j" }),
        "was: résumé.",
      );
    }),
    { numRuns: 30 },
  );
});

Deno.test("an envelope with any byte changed does not open", async () => {
  const keys = new PayloadKeys([OLD]);
  const sealed = await keys.seal(bytes("clear"), PAYLOAD);
  for (let at = 0; at < sealed.length; at++) {
    const changed = sealed.slice();
    changed[at]! ^= 1;
    await assert.rejects(keys.open(changed, PAYLOAD), PayloadKeyError, `byte ${at}`);
  }
  await assert.rejects(keys.open(sealed.subarray(0, -1), PAYLOAD), /does not open/);
});

Deno.test("what was encrypted for one place opens at no other", async () => {
  const keys = new PayloadKeys([OLD]);
  const contexts: SealContext[] = [
    PAYLOAD,
    { kind: "payload", jobType: "exec" },
    { kind: "result", jobId: "http" },
    { kind: "text", jobId: "http" },
    { kind: "result", jobId: "other" },
  ];
  for (const [position, from] of contexts.entries()) {
    const sealed = await keys.seal(bytes("clear"), from);
    for (const [other, to] of contexts.entries()) {
      const opening = keys.open(sealed, to);
      if (position === other) assert.deepEqual(await opening, bytes("clear"));
      else await assert.rejects(opening, /changed on the way, or is not of (a job of type|job) /);
    }
  }
});

Deno.test("the first key encrypts and all decrypt; a key that is missing is named, and those that are there", async () => {
  const before = new PayloadKeys([OLD]);
  const rolling = new PayloadKeys([NEW, OLD]);
  const [oldId] = await before.ids();
  const [newId] = await rolling.ids();
  assert.match(oldId!, /^[0-9a-f]{16}$/);
  assert.deepEqual(await rolling.open(await before.seal(bytes("x"), PAYLOAD), PAYLOAD), bytes("x"));
  const sealed = await rolling.seal(bytes("x"), PAYLOAD);
  assert.equal(envelopeOf(sealed)?.keyId, newId);
  const message = `it is encrypted with payload key ${newId}, and here is ${oldId}`;
  await assert.rejects(before.open(sealed, PAYLOAD), { name: "PayloadKeyError", message });
  await assert.rejects(
    PayloadKeys.none.open(sealed, PAYLOAD),
    new RegExp(`payload key ${newId}, and there is no payload key here`),
  );
  const text = await rolling.sealText("clear", { kind: "text", jobId: "j" });
  assert.equal(
    await before.openText(text, { kind: "text", jobId: "j" }),
    `[encrypted with payload key ${newId}]`,
  );
});

Deno.test("a repetition under its idempotency key has the same bytes, and nothing else has", async () => {
  const keys = new PayloadKeys([NEW, OLD]);
  const under = (clear: string, idempotencyKey: string, more = {}) =>
    keys.seal(bytes(clear), PAYLOAD, { idempotencyKey, ...more });
  const first = await under("clear", "k1");
  assert.deepEqual(await under("clear", "k1"), first);
  const others = await Promise.all([
    under("clear", "k2"),
    under("clear!", "k1"),
    under("clear", "k1", { generation: 1 }),
    keys.seal(bytes("clear"), { kind: "payload", jobType: "exec" }, { idempotencyKey: "k1" }),
    keys.seal(bytes("clear"), PAYLOAD),
    keys.seal(bytes("clear"), PAYLOAD),
  ]);
  const nonces = [first, ...others].map((each) => envelopeOf(each)!.nonce.join());
  assert.equal(new Set(nonces).size, nonces.length, "a nonce belongs to one message");
  const old = await new PayloadKeys([OLD]).seal(bytes("clear"), PAYLOAD, { idempotencyKey: "k1" });
  assert.deepEqual(others[2], old, "an older key makes of it what it made before");
});

Deno.test("a sealed text that was cut is said to be, and one that fits is as long as was said", async () => {
  const keys = new PayloadKeys([OLD]);
  const context: SealContext = { kind: "text", jobId: "j" };
  const text = await keys.sealText("x".repeat(clearBytesIn(2_000)), context);
  assert.ok(text.length <= 2_000 && text.length > 1_990, `${text.length}`);
  assert.equal(
    await keys.openText(`failed: ${text.slice(0, 50)}`, context),
    "failed: [encrypted, and cut off]",
  );
  const made = textOfEnvelope(new Uint8Array(60));
  assert.equal(await keys.openText(made, context), "[encrypted, and cut off]");
});

Deno.test("keys come from a text or from a file that nobody else may read, and never into a message", async () => {
  const directory = await Deno.makeTempDir({ prefix: "conductor-payload-keys-" });
  const file = `${directory}/keys`;
  try {
    assert.ok(readPayloadKeys({ text: "", file: "" }).isEmpty);
    assert.equal((await readPayloadKeys({ text: `${NEW}, ${OLD}`, file: "" }).ids()).length, 2);
    await Deno.writeTextFile(file, `# the new one\n${NEW}\n\n${OLD} # until June\n`, {
      mode: 0o600,
    });
    assert.deepEqual(
      await readPayloadKeys({ text: "", file }).ids(),
      await new PayloadKeys([NEW, OLD]).ids(),
    );
    assert.throws(() => readPayloadKeys({ text: OLD, file }), /both given/);
    await Deno.chmod(file, 0o640);
    assert.throws(() => readPayloadKeys({ text: "", file }), /mode 0640\): run chmod 600/);
    await Deno.chmod(file, 0o600);
    for (const wrong of ["tooshort", base64Of(new Uint8Array(31)), `${OLD}x`, "!".repeat(44)]) {
      await Deno.writeTextFile(file, wrong);
      assert.throws(() => readPayloadKeys({ text: "", file }), (failure: Error) => {
        assert.match(failure.message, /is not 32 bytes in base64: make one with/);
        assert.ok(!failure.message.includes(wrong));
        return true;
      });
    }
    await Deno.writeTextFile(file, "# nothing\n");
    assert.throws(() => readPayloadKeys({ text: "", file }), /holds no key/);
    assert.throws(() => readPayloadKeys({ text: "", file: `${file}.not` }), /cannot read/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a key file that cannot be read is told by its path and what the system said", () => {
  assert.throws(() => readPayloadKeys({ text: "", file: "/no/such/key" }), {
    name: "PayloadKeyError",
    message: "cannot read the payload key file /no/such/key: no such file or directory",
  });
});
