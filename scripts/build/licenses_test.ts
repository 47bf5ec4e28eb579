import assert from "node:assert/strict";
import { bundledPackages, noticesOf, reached, termsOf } from "./licenses.ts";

Deno.test("what is taken along is what modules import, and what that asks for", () => {
  const npmPackages = {
    "tested@1.0.0": { dependencies: [], localPath: "/t" },
    "b@1.0.0": { dependencies: ["a@1.0.0"], localPath: "/b" },
    "a@1.0.0": { dependencies: ["b@1.0.0"], localPath: "/a" },
  };
  const modules = [{ kind: "esm" }, { kind: "npm", npmPackage: "b@1.0.0" }];
  assert.deepEqual([...reached({ modules, npmPackages })], [["a@1.0.0", "/a"], ["b@1.0.0", "/b"]]);
});

Deno.test("each package of the program says its license, and its text is among the notices", async () => {
  const terms = await termsOf(await bundledPackages());
  assert.ok(terms.size > 100);
  const names = [...terms.keys()].map((key) => key.slice(0, key.lastIndexOf("@")));
  assert.ok(!names.includes("playwright-core"), "what tests alone import is not taken along");
  const notices = noticesOf(terms, "2.9.6");
  for (const [key, { license, texts }] of terms) {
    assert.ok(notices.includes(`${/^@?[^@]+@[^_]+/.exec(key)![0]}: ${license}\n`), key);
    for (const text of texts) assert.ok(notices.includes(text), key);
  }
  assert.match(notices, /ImageMagick/);
});

Deno.test("what several packages have alike is said once", () => {
  const terms = { license: "MIT", texts: ["Permission is granted"] };
  const text = noticesOf(new Map([["a@1.0.0", terms], ["b@2.0.0_a@1.0.0", terms]]), "2.9.6");
  assert.match(text, /^a@1\.0\.0: MIT\nb@2\.0\.0: MIT\n\nPermission is granted$/m);
  assert.equal(text.split("Permission").length, 2);
});
