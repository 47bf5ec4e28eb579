import assert from "node:assert/strict";
import { exposedMode } from "./secret_mode.ts";

const SERVICE_USER = 10_001;

Deno.test("a file of one's own is private only when nobody else can open it", () => {
  assert.equal(exposedMode({ mode: 0o100600, uid: SERVICE_USER }, SERVICE_USER), undefined);
  assert.equal(exposedMode({ mode: 0o100400, uid: SERVICE_USER }, SERVICE_USER), undefined);
  assert.equal(exposedMode({ mode: 0o100640, uid: SERVICE_USER }, SERVICE_USER), "0640");
  assert.equal(exposedMode({ mode: 0o100604, uid: SERVICE_USER }, SERVICE_USER), "0604");
});

Deno.test("root may give a file to a service user's group to read, and no more", () => {
  assert.equal(exposedMode({ mode: 0o100640, uid: 0 }, SERVICE_USER), undefined);
  assert.equal(exposedMode({ mode: 0o100440, uid: 0 }, SERVICE_USER), undefined);
  assert.equal(exposedMode({ mode: 0o100660, uid: 0 }, SERVICE_USER), "0660");
  assert.equal(exposedMode({ mode: 0o100644, uid: 0 }, SERVICE_USER), "0644");
});

Deno.test("root gives itself nothing, and an unknown reader is given nothing", () => {
  assert.equal(exposedMode({ mode: 0o100640, uid: 0 }, 0), "0640");
  assert.equal(exposedMode({ mode: 0o100640, uid: 0 }, null), "0640");
  assert.equal(exposedMode({ mode: 0o100640, uid: 1_000 }, SERVICE_USER), "0640");
});

Deno.test("where files have no modes, none is exposed", () => {
  assert.equal(exposedMode({ mode: null, uid: null }, null), undefined);
});
