import assert from "node:assert/strict";
import { unknownRole } from "./rbac.ts";

Deno.test("a role that the policy does not have is named, with the one that was meant", () => {
  const known = ["admin", "operator", "viewer"];
  assert.equal(unknownRole(["viewer", "admin"], known), undefined);
  assert.equal(
    unknownRole(["viewer", "viwer"], known),
    '--role is "viwer", and there is no such role; did you mean viewer?',
  );
  assert.equal(
    unknownRole(["whoever"], known),
    '--role is "whoever", and there is no such role; the policy has admin, operator, viewer',
  );
});
