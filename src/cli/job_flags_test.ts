import assert from "node:assert/strict";
import { Command } from "commander";
import { addJobFlags } from "./job_flags.ts";

Deno.test("the help of the longest pause before a retry says what comes on top of it", () => {
  const flag = addJobFlags(new Command()).options.find(({ long }) => long === "--retry-delay-max");
  assert.match(flag?.description ?? "", /longest pause .* exponential .* up to a quarter longer/);
});
