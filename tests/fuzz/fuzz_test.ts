import assert from "node:assert/strict";
import { fuzz } from "./run.ts";
import { fuzzSecured } from "./secured.ts";
import { isSlice } from "../slice.ts";

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

Deno.test({
  name: "nor does one behind TLS and tokens, at the ports of masters and workers",
  ignore: isSlice || Deno.build.os !== "linux", // memory is read from /proc
  fn: async () => {
    const { findings, answers } = await fuzzSecured(1, 150);
    assert.deepEqual(findings, []);
    assert.ok(
      (answers.get("INVALID_ARGUMENT") ?? 0) > 10,
      "those who are let in are told their faults",
    );
    assert.ok(
      (answers.get("UNAUTHENTICATED") ?? 0) > 10,
      "and those who are not, that they are not",
    );
  },
});
