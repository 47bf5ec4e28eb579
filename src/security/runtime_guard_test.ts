import assert from "node:assert/strict";
import { assertRuntimeSafe } from "./runtime_guard.ts";

for (const version of ["2.9.4", "2.8.1", "1.46.3", "2.9.5-rc.1", "0.0.0", "", "latest", "2.9"]) {
  Deno.test(`Deno "${version}" is refused in staging and production, development warns`, () => {
    for (const profile of ["staging", "production"] as const) {
      assert.throws(() => assertRuntimeSafe(version, profile), /use Deno 2\.9\.5 or newer/);
    }
    const warnings: string[] = [];
    assertRuntimeSafe(version, "development", (message) => warnings.push(message));
    assert.equal(warnings.length, 1);
  });
}

for (const version of ["2.9.5", "2.9.6", "2.10.0", "3.0.0", "2.9.5+abc", "2.9.6-rc.1"]) {
  Deno.test(`Deno ${version} is accepted without a word`, () => {
    const warnings: string[] = [];
    assertRuntimeSafe(version, "production", (message) => warnings.push(message));
    assert.deepEqual(warnings, []);
  });
}
