import assert from "node:assert/strict";
import { fuzz } from "./run.ts";

Deno.test({
  name: "a slice of the fuzzer finds nothing: typed errors only, bounded memory, served afterwards",
  ignore: Deno.build.os !== "linux", // memory is read from /proc
  fn: async () => {
    const { findings, answers } = await fuzz(1, 400);
    assert.deepEqual(findings, []);
    assert.ok((answers.get("OK") ?? 0) > 10, "whole messages get through, too");
    assert.ok((answers.get("INVALID_ARGUMENT") ?? 0) > 100, "and damaged ones do not");
  },
});
