import assert from "node:assert/strict";
import { decodeText } from "./charset.ts";

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

Deno.test("what is malformed becomes a replacement character", () => {
  const { text } = decodeText(bytes("a", [0xff], "b"), "text/html; charset=utf-8");
  assert.equal(text, "a\ufffdb");
});
