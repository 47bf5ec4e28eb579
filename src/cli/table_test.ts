import assert from "node:assert/strict";
import fc from "fast-check";
import { cut, renderPairs, renderTable, widthOf } from "./table.ts";
import { printable } from "./terminal.ts";
import { recording } from "./terminal_test_support.ts";

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

const plain = recording().out.style;

Deno.test("a wide character takes two places, and a combined one those of its base", () => {
  assert.equal(
    renderTable(["NAME", "N"], [["日本", "1"], ["e\u0301t\u00e9", "2"], ["👩‍🚀", "3"]]),
    "NAME  N\n日本  1\ne\u0301t\u00e9   2\n👩‍🚀    3\n",
  );
});

Deno.test("what is cut ends with an ellipsis, never in the middle of a character", () => {
  assert.equal(cut("abcdef", 6), "abcdef");
  assert.equal(cut("abcdefg", 6), "abcde…");
  assert.equal(cut("日本語", 4), "日…");
  assert.equal(cut("日本語", 5), "日本…");
  assert.equal(cut("👩‍🚀👩‍🚀👩‍🚀", 5), "👩‍🚀👩‍🚀…");
  assert.equal(cut("\u001b[31mabcdefg\u001b[39m", 4), "abc…");
});

Deno.test("a table that is too wide cuts what may be cut, the longest first, and keeps the rest", () => {
  const head = ["ID", { title: "TYPE", cutTo: 4 }, { title: "ERROR", cutTo: 5 }];
  const rows = [["0123456789", "abcdefgh", "it went wrong in many ways"]];
  const at = (columns: number) =>
    renderTable(head, rows, { style: plain, columns }).split("\n")[1]!;
  assert.equal(at(48), "0123456789  abcdefgh  it went wrong in many ways");
  assert.equal(at(40), "0123456789  abcdefgh  it went wrong in …");
  assert.equal(at(28), "0123456789  abcdef…  it wen…");
  assert.equal(at(23), "0123456789  abc…  it w…");
});

Deno.test("where that is not enough, columns go by their rank, and a last line tells of them", () => {
  const head = ["ID", { title: "TIME", rank: 1 }, { title: "HOST", rank: 2 }, "END"];
  const rows = [["0123456789", "12:00:00", "example.org", "no"]];
  const at = (columns: number) => renderTable(head, rows, { style: plain, columns });
  assert.equal(
    at(30),
    "ID          TIME      END\n0123456789  12:00:00  no\n(--wide shows HOST too)\n",
  );
  assert.equal(at(20), "ID          END\n0123456789  no\n(--wide shows TIME,…\n");
  assert.match(at(5), /^ID {10}END\n0123456789 {2}no\n/);
});

Deno.test("no table is wider than its sheet while there is something to cut or leave out", () => {
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" })), {
      minLength: 1,
      maxLength: 8,
    }),
    fc.integer({ min: 12, max: 60 }),
    (rows, columns) => {
      const cells = rows.map((row) => row.map((cell) => printable(cell)));
      const head = [{ title: "A", cutTo: 3 }, { title: "B", cutTo: 3, rank: 1 }];
      const table = renderTable(head, cells, { style: plain, columns });
      for (const line of table.trimEnd().split("\n")) {
        assert.ok(widthOf(line) <= columns, JSON.stringify({ line, columns }));
      }
    },
  ));
});
