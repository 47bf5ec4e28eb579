import assert from "node:assert/strict";
import { parseHtml } from "./document.ts";
import { extract } from "./extract.ts";
import { overviewOf } from "./overview.ts";
import { recordsOf, tableOf } from "./tables.ts";

function read(html: string) {
  const page = parseHtml(html, "https://x.example/");
  return tableOf(page, page.$("table").first());
}

Deno.test("a table's head and rows are read, with and without thead", () => {
  const expected = {
    caption: "Prices",
    headers: ["Fruit", "Price"],
    rows: [["apple", "1.20"], ["pear", "0.90 each"]],
  };
  const cells = "<tr><td>apple<td>1.20<tr><td>pear<td> 0.90 <i>each</i>";
  const head = "<tr><th>Fruit<th>Price";
  assert.deepEqual(read(`<table><caption> Prices </caption>${head}${cells}</table>`), expected);
  assert.deepEqual(
    read(`<table><caption>Prices<thead>${head}<tbody>${cells}<tfoot></table>`),
    expected,
  );
  assert.deepEqual(
    read(`<table><caption>Prices<thead><tr><td>Fruit<td>Price<tbody>${cells}</table>`),
    expected,
    "a head of td",
  );
});

Deno.test("no cell reaches out of its head, body or foot, and one of rowspan 0 to its end", () => {
  const { headers, rows } = read(`<table>
    <thead><tr><th rowspan=2>City<th>People</thead>
    <tbody><tr><td rowspan=0>Bonn<td>1<tr><td>2</tbody>
    <tbody><tr><td rowspan=9>Ulm<td>3<tr><td>4</tbody><tfoot><tr><td>all<td>10</table>`);
  assert.deepEqual(headers, ["City", "People"]);
  assert.deepEqual(rows, [
    ["Bonn", "1"],
    ["Bonn", "2"],
    ["Ulm", "3"],
    ["Ulm", "4"],
    ["all", "10"],
  ]);
});

Deno.test("cells that span columns and rows are repeated, also beyond the end of a row", () => {
  const { headers, rows } = read(`<table>
    <thead><tr><th rowspan=2>City<th colspan=2>People</tr><tr><th>2024<th>2025</tr></thead>
    <tr><td rowspan=2>Bonn<td>1<td>2</tr><tr><td>3<td>4</tr>
    <tr><td colspan=2>none<td>5</tr>
    <tr><td>a<td>b<td rowspan=3>deep</tr><tr><td>c</tr><tr></tr></table>`);
  assert.deepEqual(headers, ["City", "People 2024", "People 2025"]);
  assert.deepEqual(rows, [
    ["Bonn", "1", "2"],
    ["Bonn", "3", "4"],
    ["none", "none", "5"],
    ["a", "b", "deep"],
    ["c", "", "deep"],
    ["", "", "deep"],
  ]);
});

Deno.test("spans that are no numbers count as one, and more cells than are held fail the page", () => {
  assert.deepEqual(read("<table><tr><td colspan=x>a<td rowspan=-3>b<td colspan=0>c</table>").rows, [
    ["a", "b", "c"],
  ]);
  const wide = `<table>${"<tr><td colspan=1000>x</td></tr>".repeat(501)}</table>`;
  assert.throws(() => read(wide), /more than 500000 cells/);
  const tall = `<table><tr>${"<td rowspan=65534>x".repeat(1000)}</tr>${"<tr></tr>".repeat(600)}`;
  assert.throws(() => read(tall), /more than 500000 cells/);
});

Deno.test("a row's head is a cell, an inner table is its cell's text, an empty table is empty", () => {
  assert.deepEqual(read("<table><tr><td>a<td>b<tr><th>x<td>1</table>"), {
    caption: null,
    headers: [],
    rows: [["a", "b"], ["x", "1"]],
  });
  assert.deepEqual(read("<table><tr><td>a <table><tr><td>inner</table></table>").rows, [[
    "a inner",
  ]]);
  assert.deepEqual(read("<table></table>"), { caption: null, headers: [], rows: [] });
});

Deno.test("rows become objects by their heads, with a name for every column", () => {
  const table = read("<table><tr><th>a<th><th>a<tr><td>1<td>2<td>3<td>4</table>");
  assert.deepEqual(recordsOf(table), [{ a: "1", column_2: "2", a_2: "3", column_4: "4" }]);
  assert.deepEqual(recordsOf(read("<table></table>")), []);
  const alike = read(
    "<table><tr><th>a<th>a<th>a_2<th><th>column_4<tr><td>1<td>2<td>3<td>4<td>5</table>",
  );
  assert.deepEqual(recordsOf(alike), [
    { a: "1", a_3: "2", a_2: "3", column_4_2: "4", column_4: "5" },
  ]);
});

Deno.test("selectors yield a table, its records, and those of each of several", () => {
  const page = parseHtml(
    "<div id=d><table><tr><th>n<tr><td>1</table></div><table><tr><th>n<tr><td>2</table>",
    "https://x.example/",
  );
  assert.deepEqual(
    extract(page, {
      one: { selector: "#d", type: "table" },
      records: { selector: "table", type: "records" },
      all: { selector: "table", type: "records", multiple: true },
      none: { selector: "#no", type: "table" },
    }),
    {
      one: { caption: null, headers: ["n"], rows: [["1"]] },
      records: [{ n: "1" }],
      all: [[{ n: "1" }], [{ n: "2" }]],
      none: null,
    },
  );
});

Deno.test("the overview has tables of data, not of layout, within its bounds", () => {
  const data = "<table><tr><th>n</th></tr>" +
    Array.from({ length: 300 }, (_, n) => `<tr><td>${n}</td></tr>`).join("") + "</table>";
  const layout =
    `<table><tr><td><table><tr><th>x<td>y</table></table><table role=presentation><th>z</table>`;
  const { tables, warnings } = overviewOf(parseHtml(data + layout, "https://x.example/"));
  assert.deepEqual(tables.map(({ rows }) => rows.length), [200, 1]);
  assert.deepEqual(warnings, ["tables: the first 200 of 300 rows of table 1"]);
});
