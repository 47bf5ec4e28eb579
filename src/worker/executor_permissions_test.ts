import assert from "node:assert/strict";
import {
  ALL_GRANTED,
  denoFlags,
  parseGrants,
  PermissionsError,
  refusedBy,
  withHandlers,
} from "./executor_permissions.ts";

Deno.test("permissions are read kind by kind, and what is not named is refused", () => {
  assert.equal(parseGrants(["net", "all"], false), ALL_GRANTED);
  assert.deepEqual(refusedBy(ALL_GRANTED), []);
  const grants = parseGrants(["net", "read=/a", "read=/b=c"], false);
  assert.deepEqual(grants, { net: "all", read: ["/a", "/b=c"] });
  assert.deepEqual(refusedBy(grants), ["write", "env", "run", "sys", "ffi", "import"]);
  assert.deepEqual(parseGrants(["read=/a", "read"], false), { read: "all" });
  assert.deepEqual(parseGrants([], false), {});
  for (const bad of ["disk", "read=", "", "=x", "--allow-all"]) {
    assert.throws(() => parseGrants([bad], false), PermissionsError, bad);
  }
});

Deno.test("the compiled program says that it cannot bound a kind", () => {
  assert.deepEqual(parseGrants(["net", "read"], true), { net: "all", read: "all" });
  assert.throws(() => parseGrants(["read=/a"], true), /can only give up whole kinds/);
});

Deno.test("Deno is told what is granted, and no more", () => {
  assert.deepEqual(denoFlags(ALL_GRANTED), ["--allow-all"]);
  assert.deepEqual(denoFlags({ net: "all", read: ["/a,b", "/c"], write: [] }), [
    ...["--no-prompt", "--ignore-env", "--allow-read=/a,,b,/c", "--allow-net", "--allow-ffi"],
  ]);
  assert.deepEqual(withHandlers({ net: "all" }, ["/srv/jobs/mine.js"]).read, ["/srv/jobs"]);
});
