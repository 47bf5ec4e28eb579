import assert from "node:assert/strict";
import fc from "fast-check";
import { InputTooLargeError, PermanentJobError } from "../contract.ts";
import { TreeFullError } from "./bounded_tree.ts";
import { announcedKind, type Content, NotAPageError, readContent } from "./content.ts";
import { overviewOf } from "./overview.ts";
import { overviewSchema } from "./result_schema.ts";

const utf8 = new TextEncoder();

interface Given {
  readonly contentType?: string;
  readonly bytesMax?: number;
  readonly truncate?: boolean;
  readonly nodesMax?: number;
}

/** Reads `parts` as the chunks of an answer; `left` says whether the rest was called off. */
async function read(parts: Iterable<string | Uint8Array>, given: Given = {}) {
  const state = { sent: 0, left: false };
  async function* chunks() {
    try {
      for (const part of parts) {
        await Promise.resolve();
        const chunk = typeof part === "string" ? utf8.encode(part) : part;
        state.sent += chunk.length;
        yield chunk;
      }
    } finally {
      state.left = true;
    }
  }
  const result = await readContent(chunks(), {
    url: "https://x.example/page",
    contentType: "text/html",
    bytesMax: 1e9,
    truncate: false,
    ...given,
  });
  return { ...result, ...state };
}

const textOf = (content: Content) =>
  content.kind === "json" ? JSON.stringify(content.value) : content.document.$.root().text();

Deno.test("what a server announces decides what the content is read as", () => {
  const cases: Readonly<Record<string, string | undefined>> = {
    "text/html; charset=utf-8": "html",
    "Application/XHTML+XML": "html",
    "application/json": "json",
    "application/vnd.api+json": "json",
    "text/xml": "xml",
    "application/atom+xml;charset=x": "xml",
    "image/svg+xml": "xml",
    "text/plain": "text",
    "text/csv": "text",
    "": "unknown",
    "application/octet-stream": "unknown",
    "application/pdf": undefined,
    "image/png": undefined,
  };
  for (const [type, kind] of Object.entries(cases)) assert.equal(announcedKind(type), kind, type);
});

Deno.test("each kind of content is read as what it is", async () => {
  const cases: readonly (readonly [type: string, body: string, kind: string, text: string])[] = [
    ["text/html", "<p>a &amp; b", "html", "a & b"],
    ["text/plain", "a < b\n<p>no markup", "text", "a < b\n<p>no markup"],
    ["application/json", '{"a":[1,"<p>"]}', "json", '{"a":[1,"<p>"]}'],
    ["text/xml", "<a><p>b</p></a>", "xml", "b"],
    ["", "<!doctype html><p>x", "html", "x"],
    ["", '<?xml version="1.0"?><rss>y</rss>', "xml", "y"],
    ["application/octet-stream", "just words", "html", "just words"],
  ];
  for (const [contentType, body, kind, text] of cases) {
    const { content, bytes, isTruncated } = await read([body], { contentType });
    assert.equal(content.kind, kind, body);
    assert.equal(textOf(content), text, body);
    assert.deepEqual([bytes, isTruncated], [body.length, false]);
  }
});

Deno.test("bytes that are no page are refused by what they are, whatever they are called", async () => {
  const cases: readonly (readonly [type: string, body: Uint8Array | string, what: RegExp])[] = [
    ["text/html", "%PDF-1.7 ...", /is a PDF document, which is not a page/],
    ["text/html", new Uint8Array([0x1f, 0x8b, 8, 0]), /is a gzip file/],
    ["", new Uint8Array([0xff, 0xd8, 0xff, 0xe0]), /is a JPEG image/],
    ["", new Uint8Array([0x41, 0x00, 0x42, 0x00]), /is a file of binary data/],
    ["application/octet-stream", "PK\x03\x04", /is a ZIP archive/],
    ["video/mp4", "x", /is video\/mp4/],
  ];
  for (const [contentType, body, what] of cases) {
    await assert.rejects(read([body], { contentType }), (error: Error) => {
      assert.match(error.message, what);
      return error instanceof NotAPageError && error instanceof PermanentJobError;
    });
  }
  const marked = new Uint8Array([0xff, 0xfe, 0x41, 0x00]);
  assert.equal(textOf((await read([marked], { contentType: "" })).content), "A");
});

Deno.test("JSON that is none fails for good, with the place", async () => {
  await assert.rejects(
    read(['{"a":'], { contentType: "application/json" }),
    (error: Error) =>
      error instanceof PermanentJobError && /called JSON and is none/.test(error.message),
  );
});

Deno.test("JSON that is nested without end fails for good", async () => {
  await assert.rejects(
    read(["[".repeat(400_000) + "]".repeat(400_000)], { contentType: "application/json" }),
    { name: "PermanentJobError", message: /is JSON that is nested deeper than 100 levels/ },
  );
  const block = `<script type="application/ld+json">${"[".repeat(500)}${"]".repeat(500)}</script>`;
  const { content } = await read([block]);
  assert.ok(content.kind === "html");
  const { json_ld: found, warnings } = overviewOf(content.document);
  assert.deepEqual([found, warnings], [[], ["json_ld: block 1 is nested deeper than 100 levels"]]);
});

Deno.test("an element of attributes without end fails for good, before they take their time", async () => {
  const attributes = Array.from({ length: 300_000 }, (_, at) => `a${at}=1`).join(" ");
  const chunks = `<p ${attributes}>`.match(/.{1,16000}/gs)!;
  await assert.rejects(read(chunks), {
    name: "PermanentJobError",
    message: /has an element with more than 10000 attributes/,
  });
});

Deno.test("a character or a tag that chunks cut in two is whole", async () => {
  const bytes = utf8.encode('<meta charset="utf-8"><p title="é">héllo 日本 😀</p><b>x</b>');
  const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
  const { content } = await read(single);
  assert.ok(content.kind === "html");
  assert.equal(content.document.$("p").text(), "héllo 日本 😀");
  assert.equal(content.document.$("p").attr("title"), "é");
  // In a page longer than what the encoding is judged by, the rest is decoded while it comes.
  const filler = `<i>${"é".repeat(1_000)}</i>`;
  const long = await read(Array.from({ length: 200 }, () => filler));
  assert.ok(long.content.kind === "html");
  assert.equal(long.content.document.$("i").length, 200);
  assert.ok(!long.content.document.$.root().text().includes("\ufffd"));
});

Deno.test("a page beyond its bytes fails, or is read up to there and the rest called off", async () => {
  function* endless() {
    for (let n = 0;; n++) yield `<p>${n}</p>`;
  }
  await assert.rejects(read(endless(), { bytesMax: 100_000 }), InputTooLargeError);
  const cut = await read(endless(), { bytesMax: 100_000, truncate: true });
  assert.deepEqual([cut.bytes, cut.isTruncated, cut.left], [100_000, true, true]);
  assert.ok(cut.sent < 100_100, `${cut.sent} bytes were taken`);
  assert.ok(cut.content.kind === "html" && cut.content.document.$("p").length > 5_000);
  const exact = await read(["12345"], { bytesMax: 5 });
  assert.deepEqual([exact.bytes, exact.isTruncated], [5, false]);
  await assert.rejects(read(["123456"], { bytesMax: 5 }), InputTooLargeError);
  const short = await read(["12", "3456"], {
    bytesMax: 3,
    truncate: true,
    contentType: "text/plain",
  });
  assert.equal(textOf(short.content), "123");
});

Deno.test("a page beyond its elements fails, or is read up to there", async () => {
  const many = Array(40).fill("<b a c></b>".repeat(100));
  const nodesMax = 10_000;
  await assert.rejects(read(many, { nodesMax }), TreeFullError);
  const cut = await read(many, { nodesMax, truncate: true });
  assert.deepEqual([cut.isTruncated, cut.left], [true, true]);
  assert.ok(cut.content.kind === "html");
  const { length } = cut.content.document.$("b");
  // Three nodes each, up to the end of the chunk that was one too many.
  assert.ok(length > 3_300 && length <= 3_434, String(length));
});

Deno.test("attributes are those of the page, none of the language's own", async () => {
  const { content } = await read(['<p __proto__="a" id=x></p><p></p><html lang=de><body class=c>']);
  assert.ok(content.kind === "html");
  const { $ } = content.document;
  assert.equal($("p").first().attr("__proto__"), "a");
  assert.equal($("p").last().attr("constructor"), undefined);
  assert.equal($("[constructor], [toString], [valueOf]").length, 0);
  assert.deepEqual([$("html").attr("lang"), $("body").attr("class")], ["de", "c"]);
  assert.equal($("p").first().toString(), '<p __proto__="a" id="x"></p>');
});

Deno.test("misplaced content of a table is found in time", async () => {
  const { content } = await read(["<table>", ...Array(200).fill("<b>x</b><tr>".repeat(200))]);
  assert.ok(content.kind === "html");
  assert.equal(content.document.$("table b").length, 0);
  assert.equal(content.document.$("b").length, 40_000);
});

Deno.test("a text, a value, a comment or a name of megabytes takes little more memory than its length", async () => {
  const program = `
    import { readContent } from ${JSON.stringify(import.meta.resolve("./content.ts"))};
    const [begin, end] = JSON.parse(Deno.args[0]);
    const piece = new TextEncoder().encode("ABCD".repeat(4_096));
    async function* chunks() {
      yield new TextEncoder().encode(begin);
      for (let count = 0; count < 512; count++) yield piece.slice();
      yield new TextEncoder().encode(end + "<b>read</b>");
    }
    const terms = { url: "http://x/", contentType: "text/html", bytesMax: 1e9, truncate: false };
    const { content } = await readContent(chunks(), terms);
    console.log(content.document.$("b").text());
  `;
  const surroundings = [["<style>", "</style>"], ['<i a="', '"></i>'], ["<!--", "-->"], [
    "<i ",
    ">",
  ]];
  for (const around of surroundings) {
    // A tenth of what a chain of all these characters would take.
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--v8-flags=--max-old-space-size=80", program, JSON.stringify(around)],
      cwd: import.meta.dirname!,
    }).output();
    assert.equal(new TextDecoder().decode(stdout).trim(), "read", new TextDecoder().decode(stderr));
  }
});

Deno.test("whatever the bytes are and are called, they become content or a refusal for good", async () => {
  const markup = fc.array(
    fc.oneof(
      fc.constantFrom(
        ...[
          "<table>",
          "<tr>",
          "<td rowspan=9 colspan=3>",
          "<th>",
          "</table>",
          "<p",
          " a='",
          "'>",
          "<!--",
        ],
        ...[
          "-->",
          "<![CDATA[",
          "]]>",
          "<svg>",
          "<math>",
          "<template>",
          "</template>",
          "<select>",
          "<option>",
        ],
        ...[
          "<base href='::'>",
          "<meta charset=utf-7>",
          "<meta charset=x-user-defined>",
          "&#x110000;",
          "&",
        ],
        ...[
          "<frameset>",
          "<plaintext>",
          "<script>",
          "</script>",
          "<title>",
          "<a href='http://[' rel=next>",
        ],
        ...[
          "<form>",
          "<body class=b>",
          "<html lang=x>",
          "</body>",
          "</html>",
          "<noscript>",
          "\u0000",
          "<?xml",
        ],
      ),
      fc.string({ maxLength: 8 }),
    ),
    { maxLength: 40 },
  ).map((parts) => utf8.encode(parts.join("")));
  const types = fc.constantFrom(
    ...["text/html", "text/html; charset=utf-16", "text/html;charset=iso-2022-jp", "text/xml", ""],
    ...["application/json", "text/plain; charset=gb18030", "application/octet-stream", "a/b", ";;"],
  );
  const bodies = fc.oneof(markup, fc.uint8Array({ maxLength: 200 }));
  await fc.assert(
    fc.asyncProperty(bodies, types, fc.boolean(), async (body, contentType, truncate) => {
      try {
        const { content } = await read([body], { contentType, truncate, bytesMax: 150 });
        if (content.kind !== "json") overviewSchema.parse(overviewOf(content.document));
      } catch (error) {
        assert.ok(error instanceof PermanentJobError, String(error));
      }
    }),
    { numRuns: 300 },
  );
});
