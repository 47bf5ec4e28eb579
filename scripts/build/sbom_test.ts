import assert from "node:assert/strict";
import denoConfig from "../../deno.json" with { type: "json" };
import { type Lock, sbomOf } from "./sbom.ts";

const ZOD = denoConfig.imports.zod.slice("npm:".length);
const PROGRAM = {
  name: "conductor",
  version: "1.2.3",
  bundled: new Map([[ZOD, { license: "MIT" }]]),
};

async function realLock(): Promise<Lock> {
  return JSON.parse(await Deno.readTextFile(new URL("../../deno.lock", import.meta.url)));
}

Deno.test("the bill of materials names every locked package, with the lock's hash, and nothing else", async () => {
  const lock = await realLock();
  const { components } = sbomOf(lock, PROGRAM, "2.9.6");
  const told = components.filter(({ type }) => type === "library").map((each) => [
    each["bom-ref"],
    `sha512-${Uint8Array.fromHex(each.hashes![0]!.content).toBase64()}`,
  ]);
  assert.deepEqual(
    Object.fromEntries(told),
    Object.fromEntries(Object.entries(lock.npm).map(([key, { integrity }]) => [key, integrity])),
  );
  assert.ok(components.some(({ purl }) => purl === "pkg:npm/%40grpc/grpc-js@1.14.7"));
  assert.deepEqual(components[0]?.purl, "pkg:github/denoland/deno@v2.9.6");
});

Deno.test("everything that the sources import is locked to one version, and hangs on the program", async () => {
  const lock = await realLock();
  const { dependencies, components } = sbomOf(lock, PROGRAM, "2.9.6");
  const direct = new Set(dependencies[0]?.dependsOn);
  for (const specifier of Object.values(denoConfig.imports)) {
    const [, name, version] = /^npm:\/?(@?[^@/][^@]*)@(\d+\.\d+\.\d+)(\/|$)/.exec(specifier) ?? [];
    assert.ok(name, `${specifier} is not pinned to a version`);
    assert.ok([...direct].some((ref) => ref.split("_")[0] === `${name}@${version}`), specifier);
  }
  const known = new Set(components.map((each) => each["bom-ref"]));
  for (const { dependsOn } of dependencies) for (const ref of dependsOn) assert.ok(known.has(ref));
  const reached = new Set<string>();
  const reach = (ref: string) => {
    if (reached.has(ref)) return;
    reached.add(ref);
    dependencies.find((each) => each.ref === ref)?.dependsOn.forEach(reach);
  };
  reach("conductor@1.2.3");
  assert.deepEqual([...known].filter((ref) => !reached.has(ref)), [], "nothing asks for these");
});

Deno.test("what is not in the program is excluded, and what is tells its license", async () => {
  const { components } = sbomOf(await realLock(), PROGRAM, "2.9.6");
  const toldOf = (name: string) => components.find((each) => each.name === name);
  assert.equal(toldOf("playwright-core")?.scope, "excluded");
  assert.equal(toldOf("zod")?.scope, "required");
  assert.deepEqual(toldOf("zod")?.licenses, [{ expression: "MIT" }]);
});

Deno.test("the same lock gives the same text, another one another serial number", async () => {
  const lock = await realLock();
  const [first, second] = [1, 2].map(() => JSON.stringify(sbomOf(lock, PROGRAM, "2.9.6")));
  assert.equal(first, second);
  const other = sbomOf(lock, { ...PROGRAM, version: "1.2.4" }, "2.9.6").serialNumber;
  assert.notEqual(JSON.parse(first!).serialNumber, other);
  assert.match(
    other,
    /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
});

Deno.test("a package without a hash, and one that is not there, are named", () => {
  const integrity = `sha512-${"A".repeat(86)}==`;
  assert.throws(
    () => sbomOf({ specifiers: {}, npm: { "a@1.0.0": { integrity: "" } } }, PROGRAM, "2.9.6"),
    /a@1\.0\.0 has no name, version or SHA-512/,
  );
  const npm = { "a@1.0.0": { integrity, dependencies: ["b"] } };
  assert.throws(
    () => sbomOf({ specifiers: {}, npm }, PROGRAM, "2.9.6"),
    /a@1\.0\.0 asks for b, which is not there/,
  );
});
