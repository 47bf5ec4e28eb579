import assert from "node:assert/strict";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { analysed, lastRows } from "./test_context.ts";

const TABLE = `name,n\n${
  Array.from({ length: 9_000 }, (_, row) => `row ${row},${row}`).join("\n")
}\n`;

function dataUrl(bytes: Uint8Array): string {
  return `data:application/octet-stream;base64,${bytes.toBase64()}`;
}

for (const [name, compress] of [["gzip", gzipSync], ["zstd", zstdCompressSync]] as const) {
  Deno.test(`a table compressed with ${name} is read, in several members too`, async () => {
    const half = TABLE.length >> 1;
    const members = [
      compress(TABLE.slice(0, half)),
      compress(TABLE.slice(half)),
    ];
    for (const bytes of [compress(TABLE), Uint8Array.from(members.flatMap((part) => [...part]))]) {
      const { source } = await analysed({ url: dataUrl(bytes) });
      assert.deepEqual([source.rows, source.bytes, source.format], [9_000, bytes.length, "csv"]);
    }
  });

  Deno.test(`${name} that is damaged, cut short or too much fails for good and says which`, async () => {
    const bytes = compress(TABLE);
    for (const length of [20, bytes.length >> 1, bytes.length - 3]) {
      await assert.rejects(analysed({ url: dataUrl(bytes.subarray(0, length)) }), {
        name: "PermanentJobError",
        message: new RegExp(`its ${name} data is damaged or cut short after \\d+ bytes`),
      });
    }
    const damaged = new Uint8Array(bytes).fill(0xa5, 30, 90);
    await assert.rejects(analysed({ url: dataUrl(damaged) }), { name: "PermanentJobError" });
    await assert.rejects(
      analysed({ url: dataUrl(bytes) }, { limits: { streamBytesMax: TABLE.length - 1 } }),
      { name: "InputTooLargeError", message: /\(after decompression\)/ },
    );
  });
}

Deno.test("a compression that is not undone is named", async () => {
  await assert.rejects(analysed({ url: dataUrl(new TextEncoder().encode("BZh91AY&SY")) }), {
    name: "PermanentJobError",
    message: /compressed with bzip2/,
  });
});

Deno.test("texts of every usual encoding say the same, by their mark or by name", async () => {
  const text = "nom;prix\nÉloïse;12\nJürgen – «ß»;7\n";
  const utf16 = (little: boolean) => {
    const bytes = new Uint8Array(2 + text.length * 2);
    const view = new DataView(bytes.buffer);
    [...`\ufeff${text}`].forEach((unit, at) => view.setUint16(at * 2, unit.charCodeAt(0), little));
    return bytes;
  };
  const windows = Uint8Array.from(text, (unit) => unit === "–" ? 0x96 : unit.charCodeAt(0));
  const utf8 = new TextEncoder().encode(text);
  const cases: [Uint8Array, string | undefined][] = [
    [utf8, undefined],
    [new TextEncoder().encode(`\ufeff${text}`), undefined],
    [utf16(true), undefined],
    [utf16(false), undefined],
    [utf16(true).subarray(2), "utf-16le"],
    [utf16(true).subarray(2), undefined],
    [utf16(false).subarray(2), undefined],
    [windows, "windows-1252"],
    [windows, "latin1"],
    [windows, "iso-8859-1"],
  ];
  for (const [bytes, encoding] of cases) {
    const rows = await lastRows({
      url: dataUrl(bytes),
      csv: encoding === undefined ? {} : { encoding },
      operations: ["select"],
    });
    assert.deepEqual(rows, [
      { nom: "Éloïse", prix: 12 },
      { nom: "Jürgen – «ß»", prix: 7 },
    ], encoding ?? "by its mark");
  }
  await assert.rejects(analysed({ url: dataUrl(windows) }), {
    message: /line 2 is not utf-8\. .*csv\.encoding, such as windows-1252/,
  });
});

Deno.test("what cannot be read as UTF-8 is read as its server says, wherever the first such letter comes", async () => {
  const rowsOf = async (served: string, bytes: Uint8Array, csv: object = {}) => {
    const url = `data:text/csv;charset=${served};base64,${bytes.toBase64()}`;
    return await lastRows({ url, csv, operations: ["select"] });
  };
  const windows = (text: string) => Uint8Array.from(text, (unit) => unit.charCodeAt(0));
  const utf8 = (text: string) => new TextEncoder().encode(text);
  for (const at of [0, 1, 65_523, 65_524, 65_525, 65_526, 65_527, 70_000]) {
    const text = `nom,prix\n${"x".repeat(at)}Éloïse,1\nJürgen,2\n`;
    const expected = [{ nom: `${"x".repeat(at)}Éloïse`, prix: 1 }, { nom: "Jürgen", prix: 2 }];
    for (const bytes of [windows(text), utf8(text)]) {
      assert.deepEqual(await rowsOf("ISO-8859-1", bytes), expected, `at ${at}`);
    }
  }
  assert.deepEqual(await rowsOf("iso-8859-1", windows("n\nJü")), [{ n: "Jü" }]);
  assert.deepEqual(await rowsOf("iso-8859-1", windows("n\nü")), [{ n: "ü" }]);
  assert.deepEqual(await rowsOf("koi8-r", windows("n\n\xf0"), { encoding: "latin1" }), [{
    n: "ð",
  }]);
  const japanese = Uint8Array.of(0x6e, 10, 0x1b, 0x24, 0x42, 0x46, 0x7c, 0x1b, 0x28, 0x42);
  assert.deepEqual(await rowsOf("iso-2022-jp", japanese), [{ n: "日" }]);
  await assert.rejects(rowsOf("no-such", windows("n\nü")), /line 2 is not utf-8/);
  await assert.rejects(rowsOf("us-ascii", windows("n\nü")), /line 2 is not utf-8/);
});
