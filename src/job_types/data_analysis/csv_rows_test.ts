import assert from "node:assert/strict";
import fc from "fast-check";
import { PermanentJobError } from "../contract.ts";
import { csvRows, type CsvTerms } from "./csv_rows.ts";

const TERMS: CsvTerms = {
  delimiter: ",",
  quote: '"',
  trim: false,
  short_rows: "fill",
  long_rows: "error",
  recordLengthMax: 10_000,
};

async function rowsOf(pieces: readonly string[], terms: Partial<CsvTerms> = {}) {
  const rows: string[][] = [];
  for await (const batch of csvRows(ReadableStream.from(pieces), { ...TERMS, ...terms })) {
    rows.push(...batch);
  }
  return rows;
}

async function faultOf(text: string, terms: Partial<CsvTerms> = {}): Promise<string> {
  const error = await rowsOf([text], terms).then(
    (rows) => assert.fail(`read as ${JSON.stringify(rows)}`),
    (error: unknown) => error,
  );
  assert.ok(error instanceof PermanentJobError, String(error));
  return error.message;
}

Deno.test("quotes, doubled quotes, delimiters and line breaks within quotes are read", async () => {
  const text = 'a,b\r\n"x, ""y""","two\r\nlines"\r\n"",z';
  assert.deepEqual(await rowsOf([text]), [["a", "b"], ['x, "y"', "two\r\nlines"], ["", "z"]]);
});

Deno.test("in a single column an empty field in quotes is a row, and an empty line is none", async () => {
  const text = 'a\r\n1\r\n""\r\n\r\n"x ""y"""\r\n""';
  const rows = [["a"], ["1"], [""], ['x "y"'], [""]];
  for (const trim of [false, true]) {
    assert.deepEqual(await rowsOf([text], { trim }), rows);
    for (let at = 1; at < text.length; at++) {
      const pieces = [text.slice(0, at), text.slice(at)];
      assert.deepEqual(await rowsOf(pieces, { trim }), rows, `cut at ${at}`);
    }
  }
  assert.deepEqual(await rowsOf(['a,b\n1,2\n""\n3,4']), [["a", "b"], ["1", "2"], ["3", "4"]]);
});

Deno.test("wherever a text is cut into pieces, its rows are the same", async () => {
  const text = 'é,"b ""q"" 東"\r\n1,2\n\r\n"x\r\ny",\r3,4';
  const whole = await rowsOf([text]);
  assert.deepEqual(whole, [["é", 'b "q" 東'], ["1", "2"], ["x\r\ny", ""], ["3", "4"]]);
  for (let at = 1; at < text.length; at++) {
    assert.deepEqual(await rowsOf([text.slice(0, at), text.slice(at)]), whole, `cut at ${at}`);
  }
  assert.deepEqual(await rowsOf([...text]), whole);
});

Deno.test("any table written as CSV is read back, in pieces of any size", async () => {
  const field = fc.string({ unit: "grapheme", maxLength: 6 }).map((text) =>
    text.replaceAll("\0", "")
  );
  const noisy = fc.oneof(field, fc.constantFrom('"', ",", "\r\n", "\n", '""', 'a"b', " "));
  const rows = fc.integer({ min: 2, max: 4 }).chain((width) =>
    fc.array(fc.array(noisy, { minLength: width, maxLength: width }), {
      minLength: 1,
      maxLength: 5,
    })
  );
  await fc.assert(fc.asyncProperty(rows, fc.integer({ min: 1, max: 9 }), async (rows, size) => {
    const text = rows.map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(","))
      .join("\r\n");
    const pieces: string[] = [];
    for (let at = 0; at < text.length; at += size) pieces.push(text.slice(at, at + size));
    // Halves of a surrogate pair in two pieces are two broken characters: pieces come from a
    // decoder, which never cuts so.
    if (pieces.every((piece) => piece.isWellFormed())) {
      assert.deepEqual(await rowsOf(pieces), rows);
    }
  }));
});

Deno.test("a text without anything has no rows", async () => {
  assert.deepEqual(await rowsOf([]), []);
  assert.deepEqual(await rowsOf(["\n\r\n\n"]), []);
});

Deno.test("short rows are handed on as they are, unless they are to be an error", async () => {
  assert.deepEqual(await rowsOf(["a,b\n1\n2,3\n"]), [["a", "b"], ["1"], ["2", "3"]]);
  assert.match(
    await faultOf("a,b\n2,3\n1\n", { short_rows: "error" }),
    /^Line 3 of the CSV: the row has 1 fields, the first line 2\./,
  );
});

Deno.test("a row longer than the first line is an error with its line", async () => {
  assert.match(await faultOf('a,b\n"x\ny",2\n1,2,3\n'), /^Line 4 of the CSV: the row has 3 fields/);
});

Deno.test("rows of another width are cut, filled or left out as asked, and counted", async () => {
  const text = 'a,b\n1\n2,3\n4,5,6\n"7\n",8\n';
  const counted = { short: 0, long: 0, skipped: 0 };
  const rows: string[][] = [];
  const terms = { ...TERMS, short_rows: "skip", long_rows: "cut" } as const;
  for await (const batch of csvRows(ReadableStream.from([text]), terms, counted)) {
    rows.push(...batch);
  }
  assert.deepEqual(rows, [["a", "b"], ["2", "3"], ["4", "5"], ["7\n", "8"]]);
  assert.deepEqual(counted, { short: 1, long: 1, skipped: 1 });
  assert.deepEqual(await rowsOf([text], { long_rows: "skip" }), [
    ["a", "b"],
    ["1"],
    ["2", "3"],
    ["7\n", "8"],
  ]);
});

Deno.test("a quote that is never closed is an error, also before the file's end", async () => {
  assert.match(await faultOf('a,b\n1,"2\n3,4\n'), /the file ends before it does/);
  assert.match(
    await faultOf(`a\n"${"x".repeat(20_000)}`),
    /longer than 10000 characters; is a quote/,
  );
});

Deno.test("a quote within an unquoted field is text", async () => {
  assert.deepEqual(await rowsOf(['a,b\n1,x"y\n5" nail,2\n']), [["a", "b"], ["1", 'x"y'], [
    '5" nail',
    "2",
  ]]);
  assert.deepEqual(await rowsOf(['a,b\r1,x"y\r']), [["a", "b"], ["1", 'x"y']]);
});

Deno.test("text behind a closing quote is an error with its line, unless quotes mean nothing", async () => {
  assert.match(await faultOf('a,b\n1,"x"y\n'), /^Line 2 of the CSV: text follows the closing/);
  assert.deepEqual(await rowsOf(['a,b\n1,"x"y\n'], { quote: null }), [["a", "b"], ["1", '"x"y']]);
});

Deno.test("a NUL is an error with its line", async () => {
  assert.match(await faultOf("a,b\n1,2\n3,\0\n"), /^Line 3 of the CSV holds a NUL/);
});

Deno.test("other delimiters and quotes, and trimming, are honoured", async () => {
  assert.deepEqual(await rowsOf(["a||'b|| c'\n"], { delimiter: "||", quote: "'" }), [
    ["a", "b|| c"],
  ]);
  assert.deepEqual(await rowsOf([" a ,\t b\n"], { trim: true }), [["a", "b"]]);
});
