import assert from "node:assert/strict";
import { charsetOf, HEAD_BYTES } from "./charset.ts";

/** A page's text, and the encoding that it is taken to be in. */
function decodeText(bytes: Uint8Array, contentType: string) {
  const charset = charsetOf(bytes.subarray(0, HEAD_BYTES), contentType);
  return { text: new TextDecoder(charset).decode(bytes), charset };
}

const utf8 = (text: string) => new TextEncoder().encode(text);
const bytes = (...parts: (string | number[])[]) =>
  new Uint8Array(parts.flatMap((part) => typeof part === "string" ? [...utf8(part)] : part));

/** "Привет" in windows-1251, "日本" in Shift_JIS, "한" in EUC-KR, "中" in GBK. */
const PRIVET = [0xcf, 0xf0, 0xe8, 0xe2, 0xe5, 0xf2];
const NIHON = [0x93, 0xfa, 0x96, 0x7b];

Deno.test("the server's charset decides", () => {
  const cases: readonly (readonly [string, Uint8Array, string, string])[] = [
    ["text/html; charset=windows-1251", bytes(PRIVET), "Привет", "windows-1251"],
    ['text/html; charset="Shift_JIS"', bytes(NIHON), "日本", "shift_jis"],
    ["text/html;charset=EUC-KR", bytes([0xc7, 0xd1]), "한", "euc-kr"],
    ["text/html; CHARSET=gb2312", bytes([0xd6, 0xd0]), "中", "gbk"],
    ["text/html; charset=iso-8859-1", bytes([0xe9, 0x80]), "é€", "windows-1252"],
    ["text/html; charset=koi8-r", bytes([0xf0]), "П", "koi8-r"],
    ["text/html; charset=utf-16le", bytes([0x41, 0, 0x42, 0]), "AB", "utf-16le"],
  ];
  for (const [contentType, body, text, charset] of cases) {
    assert.deepEqual(decodeText(body, contentType), { text, charset });
  }
});

Deno.test("a byte order mark is stronger than the server, and is no part of the text", () => {
  const cases: readonly (readonly [Uint8Array, string])[] = [
    [bytes([0xef, 0xbb, 0xbf], "é"), "utf-8"],
    [bytes([0xff, 0xfe, 0xe9, 0x00]), "utf-16le"],
    [bytes([0xfe, 0xff, 0x00, 0xe9]), "utf-16be"],
  ];
  for (const [body, charset] of cases) {
    assert.deepEqual(decodeText(body, "text/html; charset=windows-1251"), { text: "é", charset });
  }
});

Deno.test("without the server's word, the page's own decides", () => {
  const declarations = [
    '<meta charset="windows-1251">',
    "<META CHARSET=windows-1251 />",
    "<meta http-equiv='Content-Type' content='text/html; charset=windows-1251'>",
    '<!-- <meta charset="utf-8"> --><meta charset=cp1251>',
    '<meta name="x" content="y"><meta charset="windows-1251">',
    '<?xml version="1.0" encoding="windows-1251"?>',
  ];
  for (const declaration of declarations) {
    const { text, charset } = decodeText(bytes(declaration, PRIVET), "text/html");
    assert.equal(charset, "windows-1251", declaration);
    assert.ok(text.endsWith("Привет"), declaration);
  }
});

Deno.test("a page that can be read as bytes is not UTF-16, whatever it says", () => {
  assert.equal(decodeText(bytes('<meta charset="utf-16">é'), "text/html").charset, "utf-8");
});

Deno.test("an unknown charset is passed over", () => {
  const page = bytes('<meta charset="no-such">é');
  assert.equal(decodeText(page, "text/html; charset=nor-this").charset, "utf-8");
});

Deno.test("with no word at all, UTF-8 is told from the Western default by its bytes", () => {
  assert.deepEqual(decodeText(utf8("naïve"), ""), { text: "naïve", charset: "utf-8" });
  assert.deepEqual(decodeText(bytes([0xef, 0x69]), ""), { text: "ïi", charset: "windows-1252" });
  assert.deepEqual(decodeText(bytes(), ""), { text: "", charset: "utf-8" });
});

Deno.test("a page in UTF-8 with a damaged byte is one in UTF-8", () => {
  const { text, charset } = decodeText(bytes("naïve façade ", [0xff], " à la carte"), "text/html");
  assert.deepEqual({ text, charset }, { text: "naïve façade \ufffd à la carte", charset: "utf-8" });
});

Deno.test("what is malformed becomes a replacement character", () => {
  const { text } = decodeText(bytes("a", [0xff], "b"), "text/html; charset=utf-8");
  assert.equal(text, "a\ufffdb");
});

/** `text` in each encoding, by hand or by tables that Node and Deno do not have for writing. */
const SAMPLES: Readonly<Record<string, readonly (readonly [label: string, bytes: number[]])[]>> = {
  "Привет": [
    ["koi8-r", [0xf0, 0xd2, 0xc9, 0xd7, 0xc5, 0xd4]],
    ["ibm866", [0x8f, 0xe0, 0xa8, 0xa2, 0xa5, 0xe2]],
    ["iso-8859-5", [0xbf, 0xe0, 0xd8, 0xd2, 0xd5, 0xe2]],
    ["x-mac-cyrillic", [0x8f, 0xf0, 0xe8, 0xe2, 0xe5, 0xf2]],
  ],
  "日本": [
    ["euc-jp", [0xc6, 0xfc, 0xcb, 0xdc]],
    ["iso-2022-jp", [0x1b, 0x24, 0x42, 0x46, 0x7c, 0x4b, 0x5c, 0x1b, 0x28, 0x42]],
    ["big5", [0xa4, 0xe9, 0xa5, 0xbb]],
    ["gb18030", [0xc8, 0xd5, 0xb1, 0xbe]],
    ["utf-8", [0xe6, 0x97, 0xa5, 0xe6, 0x9c, 0xac]],
  ],
  "żółw": [["iso-8859-2", [0xbf, 0xf3, 0xb3, 0x77]], ["windows-1250", [0xbf, 0xf3, 0xb3, 0x77]]],
  "γάτα": [["iso-8859-7", [0xe3, 0xdc, 0xf4, 0xe1]], ["windows-1253", [0xe3, 0xdc, 0xf4, 0xe1]]],
  "kış": [["iso-8859-9", [0x6b, 0xfd, 0xfe]], ["windows-1254", [0x6b, 0xfd, 0xfe]]],
  "שלום": [["iso-8859-8", [0xf9, 0xec, 0xe5, 0xed]], ["windows-1255", [0xf9, 0xec, 0xe5, 0xed]]],
  "قط": [["iso-8859-6", [0xe2, 0xd7]], ["windows-1256", [0xde, 0xd8]]],
  "ไทย": [["tis-620", [0xe4, 0xb7, 0xc2]]],
  "naïve €": [["iso-8859-15", [0x6e, 0x61, 0xef, 0x76, 0x65, 0x20, 0xa4]]],
};

Deno.test("every common encoding is read where header, meta or XML say so", () => {
  for (const [text, samples] of Object.entries(SAMPLES)) {
    for (const [label, sample] of samples) {
      assert.equal(decodeText(bytes(sample), `text/html; charset=${label}`).text, text, label);
      const meta = decodeText(bytes(`<meta charset=${label}><p>`, sample), "text/html");
      assert.ok(meta.text.endsWith(`<p>${text}`), `${label} by meta: ${meta.text}`);
      const xml = decodeText(
        bytes(`<?xml version="1.0" encoding="${label}"?>`, sample),
        "text/xml",
      );
      assert.ok(xml.text.endsWith(text), `${label} by XML: ${xml.text}`);
    }
  }
});

Deno.test("a page's own word is found far behind its beginning, but not in a comment", () => {
  const far = bytes("x".repeat(20_000), '<meta charset="windows-1251">', PRIVET);
  assert.equal(decodeText(far, "").charset, "windows-1251");
  const hidden = bytes("x".repeat(2_000), '<!-- <meta charset="windows-1251"> -->é');
  assert.equal(decodeText(hidden, "").charset, "utf-8");
  const open = bytes("x".repeat(2_000), '<!-- <meta charset="windows-1251"> é');
  assert.equal(decodeText(open, "").charset, "utf-8");
});

Deno.test("an encoding that is nowhere named is found by its letters, where there are enough", () => {
  const sentence = "Вся информация на этом сайте не является публичной офертой. Новости и погода.";
  const russian = Array.from(sentence, (letter) => {
    const code = letter.codePointAt(0)!;
    return code < 0x80 ? code : code - 0x410 + 0xc0;
  });
  const page = bytes("<html><body><p class='text'>", russian, "</p></body></html>");
  const { text, charset } = decodeText(page, "text/html");
  assert.equal(charset, "windows-1251");
  assert.ok(text.includes("не является"));
  // One that is a danger to decode: its ASCII is read.
  assert.equal(decodeText(bytes("abc"), "text/html; charset=iso-2022-kr").text, "abc");
});

Deno.test("a head that is cut in the middle of a character is still UTF-8", () => {
  const page = bytes("a", "é".repeat(40_000));
  assert.equal(decodeText(page, "").charset, "utf-8");
});
