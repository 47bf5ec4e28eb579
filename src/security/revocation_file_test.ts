import assert from "node:assert/strict";
import { join } from "node:path";
import { temporaryDirectory } from "./certificate_fixtures.ts";
import { parseRevocations, Revocations } from "./revocation_file.ts";

const A = "a".repeat(64);
const B = "0b".repeat(32);

Deno.test("a list of revoked certificates is one a line, with colons and comments, or JSON", () => {
  const colons = A.toUpperCase().replace(/..(?=.)/g, "$&:");
  const lines = `# lost laptops\n${colons}  # alice\n\r\n${B}\n`;
  assert.deepEqual([...parseRevocations(lines, "f")], [A, B]);
  const json = JSON.stringify({ format: 1, revoked: [{ fingerprint: A, name: "alice" }] });
  assert.deepEqual([...parseRevocations(json, "f")], [A]);
  assert.deepEqual([...parseRevocations("", "f")], []);
});

Deno.test("a list that is not understood to its end is refused as a whole", () => {
  assert.throws(
    () => parseRevocations(`${A}\nalice\n`, "f"),
    /f: "alice" is no SHA-256 fingerprint/,
  );
  assert.throws(() => parseRevocations(A.slice(1), "f"), /is no SHA-256 fingerprint/);
  assert.throws(() => parseRevocations('{"format":2}', "f"), /f is no list of revoked/);
  assert.throws(
    () => parseRevocations('{"format":1,"revoked":[{"fingerprint":"x"}]}', "f"),
    /"x" is no SHA-256/,
  );
});

Deno.test("revoked is what the file lists or the cluster has agreed on; a bad file changes nothing", async () => {
  await using temporary = await temporaryDirectory();
  const path = join(temporary.path, "revoked");
  const revocations = new Revocations(path, new Set([B]));
  await assert.rejects(revocations.reload(), /revocation_file: cannot read .*no such file/);
  await Deno.writeTextFile(path, A);
  await revocations.reload();
  assert.deepEqual([A, B, "c".repeat(64)].map((each) => revocations.has(each)), [
    true,
    true,
    false,
  ]);
  await Deno.writeTextFile(path, "nonsense");
  await assert.rejects(revocations.reload(), /"nonsense" is no SHA-256/);
  assert.ok(revocations.has(A));
});
