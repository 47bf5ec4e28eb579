import assert from "node:assert/strict";
import { detectDelimiter, detectFormat } from "./format.ts";

Deno.test("a delimiter is told from the first lines, not from one of them", () => {
  const cases: Readonly<Record<string, string>> = {
    "a,b,c\n1,2,3\n": ",",
    "name;price\nnails, 5 cm;1,50\nscrews, 3 cm;0,75\n": ";",
    "a\tb\n1,5\t2,5\n": "\t",
    "a|b|c\nx, y|2;3|4\n": "|",
    '"a;b";"c, d"\n"1";"2, 3"\n': ";",
    '"many,\nlines";b\n"1,\n2";3\n': ";",
    "single\nvalue\n": ",",
    "": ",",
    "a;b": ";",
    "a;b\r\n1;2\r\n3;4": ";",
    "a;b\r1;2\r": ";",
  };
  for (const [head, delimiter] of Object.entries(cases)) {
    assert.equal(detectDelimiter(head, '"'), delimiter, JSON.stringify(head));
  }
  assert.equal(detectDelimiter('5" nails;2\n6" nails;3\n', null), ";");
});

Deno.test("a format is told by its name, then by its type, then by how it begins", () => {
  const formatOf = (name: string, contentType: string, head: string) =>
    detectFormat({ name, contentType, head });
  assert.equal(formatOf("/a/b.csv", "application/json", "[{}]"), "csv");
  assert.equal(formatOf("/a/b.ndjson.gz", "", ""), "ndjson");
  assert.equal(formatOf("/a/b.jsonl.zst", "", ""), "ndjson");
  assert.equal(formatOf("/a/b.txt", "text/tab-separated-values", ""), "tsv");
  assert.equal(formatOf("/a", "", ' [ {"a": 1}'), "json");
  assert.equal(formatOf("/a", "", '{"a":1}\n{"a":2}\n'), "ndjson");
  assert.equal(formatOf("/a", "", '{\n"a":1}\n'), "json");
  assert.equal(formatOf("/a", "text/plain", "a,b\n1,2\n"), "csv");
});
