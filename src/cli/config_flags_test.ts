import assert from "node:assert/strict";
import { flagsFrom } from "./config_flags.ts";

Deno.test("a tag of a worker has one = before its value, which may have more", () => {
  assert.deepEqual(flagsFrom({ tag: ["zone=a", "sum=YQ==", "gpu"] }, "worker"), {
    "worker.tags": { zone: "a", sum: "YQ==", gpu: "" },
  });
  assert.throws(() => flagsFrom({ tag: ["zone==a"] }, "worker"), {
    name: "Misuse",
    message: '--tag is "zone==a"; no value begins with = (did you mean zone=a?)',
  });
});

Deno.test("what --set gives stays apart from the flags, and each has its key", () => {
  assert.deepEqual(flagsFrom({ set: ["cluster.http_port=1", "a=b=c"], httpPort: "2" }, "master"), {
    "cluster.http_port": "2",
    set: { "cluster.http_port": "1", a: "b=c" },
  });
});
