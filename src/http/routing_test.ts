import assert from "node:assert/strict";
import { Router, RouteTaken } from "./routing.ts";

const router = new Router([
  { path: "/jobs" },
  { path: "/jobs", methods: ["POST"] },
  { path: "/jobs/cancel", methods: ["POST"] },
  { path: "/jobs/{id}" },
  { path: "/secret", isUnlisted: true },
  { path: "/jobs/{id}/logs/{line}" },
]);

function found(path: string): unknown {
  const found = router.find(path);
  return found && { methods: [...found.byMethod.keys()], params: found.params };
}

Deno.test("a path is found exactly, else by a template, with all the methods that it takes", () => {
  assert.deepEqual(found("/jobs"), { methods: ["GET", "HEAD", "POST"], params: {} });
  assert.deepEqual(found("/jobs/cancel"), { methods: ["POST"], params: {} });
  assert.deepEqual(found("/jobs/a"), { methods: ["GET", "HEAD"], params: { id: "a" } });
  assert.deepEqual(found("/jobs/a%2Fb%20c/logs/7"), {
    methods: ["GET", "HEAD"],
    params: { id: "a/b c", line: "7" },
  });
  assert.deepEqual(router.listedPaths, ["/jobs", "/jobs/cancel"]);
});

Deno.test("what is not quite a path leads nowhere", () => {
  const paths = ["", "/", "/job", "/jobs/", "/jobs/a/", "/jobs//logs/1", "/jobs/%ff", "/jobs/%"];
  for (const path of paths) assert.equal(found(path), undefined, path);
});

Deno.test("two routes of one path and method are refused", () => {
  for (const path of ["/a", "/a/{b}"]) {
    assert.throws(() => new Router([{ path }, { path, methods: ["PUT", "GET"] }]), RouteTaken);
    assert.throws(() => new Router([{ path }, { path, methods: ["HEAD"] }]), RouteTaken);
  }
});
