import assert from "node:assert/strict";
import { keepaliveOptions } from "./keepalive.ts";

Deno.test("connections are pinged, but not on a Deno that would end them for it", () => {
  const pinged = { "grpc.keepalive_time_ms": 300, "grpc.keepalive_timeout_ms": 50 };
  for (const version of ["2.9.0", "2.9.6", "2.10.1", "3.0.0"]) {
    assert.deepEqual(keepaliveOptions({ timeMs: 300, timeoutMs: 50 }, version), pinged, version);
  }
  for (const version of ["2.8.9", "2.7.11", "1.46.3"]) {
    assert.deepEqual(keepaliveOptions({ timeMs: 300 }, version), {}, version);
  }
  assert.deepEqual(keepaliveOptions({ timeMs: 300, timeoutMs: 50 }), pinged, "this one");
});
