import assert from "node:assert/strict";
import { temporaryDirectory } from "./certificate_fixtures.ts";
import { readPublicFile, readSecretFile, writeFileAtomically } from "./key_files.ts";

const onPosix = { ignore: Deno.build.os === "windows" };

Deno.test({
  name: "a secret that others may read is refused in staging and production, development warns",
  ...onPosix,
  async fn() {
    await using directory = await temporaryDirectory();
    const path = `${directory.path}/server.key`;
    for (const mode of [0o644, 0o640, 0o604, 0o620]) {
      await Deno.writeTextFile(path, "secret");
      await Deno.chmod(path, mode);
      for (const profile of ["staging", "production"] as const) {
        await assert.rejects(
          readSecretFile(path, "security.tls.key_file", { profile, warn() {} }),
          /security\.tls\.key_file: ".*server\.key" can be read by others .*chmod 600/,
        );
      }
      const warnings: string[] = [];
      const rules = { profile: "development", warn: (m: string) => warnings.push(m) } as const;
      assert.equal(await readSecretFile(path, "key", rules), "secret");
      assert.equal(warnings.length, 1);
    }
  },
});

Deno.test("a private secret is read without a word", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/server.key`;
  await writeFileAtomically(path, "secret", 0o600);
  const warn = () => assert.fail("warned");
  assert.equal(await readSecretFile(path, "key", { profile: "production", warn }), "secret");
});

Deno.test("a missing file is named together with its key", async () => {
  const expected =
    /security\.tls\.ca_file: cannot read "\/nowhere\/ca\.crt": there is no such file/;
  await assert.rejects(readPublicFile("/nowhere/ca.crt", "security.tls.ca_file"), expected);
  await assert.rejects(
    readSecretFile("/nowhere/ca.crt", "security.tls.ca_file", { profile: "staging", warn() {} }),
    expected,
  );
});

Deno.test("an atomic write replaces content and mode, and leaves nothing else behind", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await writeFileAtomically(path, "old", 0o644);
  await writeFileAtomically(path, "new", 0o600);
  assert.equal(await Deno.readTextFile(path), "new");
  if (Deno.build.os !== "windows") {
    assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
  }
  assert.deepEqual([...Deno.readDirSync(directory.path)].map((entry) => entry.name), ["file"]);
  await assert.rejects(writeFileAtomically(`${directory.path}/none/file`, "x", 0o600));
});
