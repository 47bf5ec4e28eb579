import assert from "node:assert/strict";
import { renderPairs, renderTable } from "./table.ts";

Deno.test("columns are as wide as what is seen of them, and no line ends in blanks", () => {
  const green = "\u001b[32mcompleted\u001b[39m";
  assert.equal(
    renderTable(["JOB", "STATUS", "WORKER"], [["1", green, "w"], ["22", "failed", ""]]),
    `JOB  STATUS     WORKER\n1    ${green}  w\n22   failed\n`,
  );
});

Deno.test("a table without rows is its head, and a row may be short", () => {
  assert.equal(renderTable(["A", "B"], []), "A  B\n");
  assert.equal(renderTable(["A", "B"], [["x"]]), "A  B\nx\n");
});

Deno.test("pairs stand in two columns", () => {
  assert.equal(renderPairs([["Job", "1"], ["Status", ""]]), "Job     1\nStatus\n");
});
