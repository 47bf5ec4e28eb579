import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { isSlice } from "../slice.ts";

for (
  const [name, rowsMin] of [["main", 13], ["node", 11], ["raft", 11], ["job_types", 4], [
    "workers",
    8,
  ]] as const
) {
  const ignore = isSlice && ["node", "job_types", "workers"].includes(name);
  Deno.test(`bench/${name}.ts runs and prints a figure in every row`, { ignore }, async () => {
    const script = fileURLToPath(new URL(`../../bench/${name}.ts`, import.meta.url));
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", "-A", script, "--short"],
    }).output();
    const decoder = new TextDecoder();
    assert.ok(success, decoder.decode(stderr));
    const [, , ...rows] = decoder.decode(stdout).split("\n").filter((line) => line.startsWith("|"));
    assert.ok(rows.length >= rowsMin, rows.join("\n"));
    for (const row of rows) assert.match(row, /\| +[1-9][\d,.]* *\||\| +0\.\d+ *\|/, row);
  });
}
