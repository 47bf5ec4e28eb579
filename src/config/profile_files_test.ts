import assert from "node:assert/strict";
import { PROFILES } from "./key.ts";
import { shippedFile } from "./profile_files.ts";
import { KEYS } from "./schema.ts";
import { readYamlFile } from "./yaml_file.ts";

/** Never written into a file that people copy. */
const LEFT_OUT = [
  "profile",
  "security.token",
  "security.token_file",
  "security.payload_key",
  "security.payload_key_file",
];

for (const profile of PROFILES) {
  const contents = readYamlFile(shippedFile(profile), {});

  Deno.test(`the shipped ${profile} file has every key, and no other`, () => {
    assert.deepEqual(contents.faults, []);
    assert.deepEqual(contents.warnings, []);
    const expected = KEYS.map(({ path }) => path).filter((path) => !LEFT_OUT.includes(path));
    assert.deepEqual([...contents.values.keys()].sort(), expected.sort());
  });

  Deno.test(`the shipped ${profile} file says what the schema's defaults say`, () => {
    for (const { path, key } of KEYS) {
      const written = contents.values.get(path);
      // With its variables unset, a value that has some is as empty as the default.
      if (written === undefined) continue;
      const byDefault = key.kind.parse(key.defaultUnder(profile).raw);
      assert.deepEqual(key.kind.parse(written.raw), byDefault, path);
    }
  });
}

Deno.test("the shipped files are named as the seed names them", () => {
  assert.deepEqual(PROFILES.map((profile) => shippedFile(profile).name), [
    "config/dev.yaml",
    "config/staging.yaml",
    "config/prod.yaml",
  ]);
});
