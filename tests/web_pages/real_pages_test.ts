import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { extname, join, normalize } from "node:path";
import { createGuardedFetch } from "../../src/job_types/mod.ts";
import { testContext } from "../../src/job_types/test_context.ts";
import { serve, type TestServer } from "../../src/job_types/test_server.ts";
import { crawl, page, seenBy } from "../../src/job_types/web_scraping/test_scrape.ts";
import { debianPages, documentation, type PackageName } from "./debian_pages.ts";

/*
 * What is expected here was written down by looking at the pages' source, for these versions. Another
 * Debian may have others; then the test is left out rather than wrong.
 */
const pages = await debianPages();

function realPages(
  name: string,
  packages: Readonly<Record<string, string>>,
  test: () => Promise<void>,
) {
  const strange = Object.entries(packages).filter(([each, version]) =>
    pages?.versions[each]?.startsWith(version) !== true
  );
  if (pages !== undefined && strange.length > 0) {
    console.log(
      `left out for another version of ${strange.map(([each]) => each).join(", ")}: ${name}`,
    );
  }
  Deno.test({ name, ignore: strange.length > 0, fn: test });
}

/** How pages are served: by default as a plain web server does. */
interface Serving {
  readonly contentType?: string;
  readonly gzip?: boolean;
  /** The encoding that the pages are turned into before. */
  readonly encoding?: string;
}

/** A package's documentation as a site. */
function site(packageName: PackageName, serving: Serving = {}): Promise<TestServer> {
  const root = documentation(pages!, packageName);
  return serve(async (request, response) => {
    const path = normalize(new URL(request.url!, "http://x").pathname);
    const file = join(root, path);
    const body = await read(file, serving.encoding);
    if (body === undefined) return void response.writeHead(404).end();
    const plain = TYPES[extname(file)] ?? "application/octet-stream";
    const type = extname(file) === ".html" ? serving.contentType ?? plain : plain;
    response.writeHead(200, {
      "content-type": type,
      ...(serving.gzip ? { "content-encoding": "gzip" } : {}),
    });
    response.end(serving.gzip ? gzipSync(body) : body);
  });
}

const TYPES: Readonly<Record<string, string>> = { ".html": "text/html", ".css": "text/css" };

async function read(file: string, encoding: string | undefined): Promise<Uint8Array | undefined> {
  try {
    if (encoding === undefined) return await Deno.readFile(file);
    const { stdout } = await new Deno.Command("iconv", {
      args: ["-f", "utf-8", "-t", `${encoding}//TRANSLIT`, file],
    }).output();
    return stdout;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.IsADirectory) {
      return undefined;
    }
    throw error;
  }
}

/** As in production: loopback is refused but for the allow-list. */
const context = () => {
  const fetch = createGuardedFetch({
    privateAddresses: "refuse",
    allowList: ["127.0.0.1"],
    userAgent: "Conductor-Test",
  });
  return testContext({ fetch });
};

// deno-lint-ignore no-explicit-any -- the data of a page is whatever its selectors say
const dataOf = async (payload: Record<string, unknown>): Promise<any> =>
  (await page(payload, context())).data;

realPages(
  "a manual of HTML 4 with nested tables' heads is read as it is printed",
  { w3m: "0.5.3" },
  async () => {
    await using server = await site("w3m", { gzip: true });
    const url = `${server.origin}/w3m/MANUAL.html`;
    const data = await dataOf({
      url,
      selectors: {
        title: "title",
        author: { selector: "h1 + div", type: "html", match: "([\\w.]+@[\\w.]+)" },
        colours: { selector: "table", type: "records" },
        functions: { selector: "table[width]", type: "table" },
        chapters: { selector: "h2[id]", multiple: true },
        chapterIds: { selector: "h2[id]", multiple: true, attribute: "id" },
        index: { selector: "h2 + ul a", multiple: true, attribute: "href" },
      },
    });
    assert.equal(data.title, "w3m manual");
    assert.equal(data.author, "aito@fw.ipsj.or.jp");
    assert.deepEqual(data.colours, [
      { column_1: "Hyperlinks", "Color mode": "blue", "Monochrome mode": "underline" },
      { column_1: "Inline images", "Color mode": "green", "Monochrome mode": "reverse" },
      { column_1: "Form input", "Color mode": "red", "Monochrome mode": "reverse" },
    ]);
    assert.deepEqual(data.functions.headers, [
      "Function",
      "Key binding Default",
      "Key binding Lynx-like",
      "Description",
    ]);
    assert.deepEqual(data.functions.rows.slice(0, 2), [
      Array(4).fill("In-page navigation"),
      ["NEXT_PAGE", "SPC, C-v, +, PGDN", "SPC, C-v, +", "Scroll one page downwards"],
    ]);
    // What stands in comments is not there.
    assert.deepEqual(data.index.map((each: string) => each.replace(url, "")), [
      "#Introduction",
      "#Options",
      "#Color",
      "#Functions",
      "#Mouse",
      "#LocalCGI",
    ]);
    assert.deepEqual(data.chapterIds.slice(0, 4), [
      "Introduction",
      "Options",
      "Color",
      "Functions",
    ]);
    assert.equal(data.chapters[3], "Functions and Key bindings");
  },
);

realPages("a Japanese page is read in every encoding that such pages are in, named or not", {
  w3m: "0.5.3",
}, async () => {
  const cases: readonly (readonly [charset: string, Serving])[] = [
    // As it is: UTF-8, and neither server nor page say so.
    ["utf-8", {}],
    ["euc-jp", { encoding: "EUC-JP", contentType: "text/html; charset=euc-jp" }],
    ["shift_jis", { encoding: "SHIFT_JIS", contentType: "text/html; charset=x-sjis" }],
    ["iso-2022-jp", { encoding: "ISO-2022-JP", contentType: "text/html; charset=ISO-2022-JP" }],
    ["utf-16le", { encoding: "UTF-16LE", contentType: "text/html;charset=utf-16" }],
    // Nobody says anything: by the letters alone.
    ["euc-jp", { encoding: "EUC-JP" }],
    ["shift_jis", { encoding: "SHIFT_JIS" }],
  ];
  for (const [charset, serving] of cases) {
    await using server = await site("w3m", serving);
    const result = await page({
      url: `${server.origin}/w3m/ja/FAQ.html`,
      selectors: {
        title: "h1",
        chapters: { selector: "h2", multiple: true },
        question: "dt",
        answer: "dd",
      },
    }, context());
    const what = `${charset} ${JSON.stringify(serving)}`;
    assert.equal(result.charset, charset, what);
    const { chapters, ...rest } = result.data as { readonly chapters: readonly string[] };
    assert.deepEqual({ ...rest, chapters: chapters.slice(0, 4) }, {
      title: "w3mに関して良く聞かれる(であろう)質問とその答え",
      chapters: [
        "一般的なこと，入手方法，動作環境",
        "コンパイルとインストール",
        "オプション，コマンド，使いかた",
        "WWWを使う場合の質問",
      ],
      question: "``w3m''は何と読むのですか？",
      answer:
        "「だぶりゅーさんえむ」または「だぶりゅーすりーえむ」です． ``w3m''と書いてプテラノドンと読んだりはしません．",
    }, what);
  }
});

realPages("a long reference manual yields its overview and its functions", {
  "lua5.1-doc": "5.1.5",
}, async () => {
  await using server = await site("lua5.1-doc");
  const url = `${server.origin}/lua5.1-doc/doc/manual.html`;
  const result = await page({ url }, context());
  assert.equal(result.charset, "windows-1252", "which iso-8859-1 means on the web");
  // deno-lint-ignore no-explicit-any -- an overview
  const overview = result.data as any;
  assert.equal(overview.title, "Lua 5.1 Reference Manual");
  assert.equal(overview.headings.length, 351);
  assert.deepEqual(overview.headings[0], { level: 1, text: "Lua 5.1 Reference Manual" });
  assert.deepEqual(
    overview.headings.filter(({ level }: { level: number }) => level === 1)
      .map(({ text }: { text: string }) => text).slice(1),
    [
      "1 - Introduction",
      "2 - The Language",
      "3 - The Application Program Interface",
      "4 - The Auxiliary Library",
      "5 - Standard Libraries",
      "6 - Lua Stand-alone",
      "7 - Incompatibilities with the Previous Version",
      "8 - The Complete Syntax of Lua",
    ],
  );
  const copyright =
    "Copyright © 2006–2012 Lua.org, PUC-Rio. Freely available under the terms of the Lua license.";
  assert.ok(overview.text.split("\n").some((line: string) => line.includes(copyright)));
  assert.deepEqual(overview.links.slice(0, 4), [
    { url: "http://www.lua.org/", text: "" },
    { url: "http://www.lua.org/license.html", text: "Lua license" },
    { url: url.replace("manual", "contents"), text: "contents" },
    { url: "http://www.lua.org/manual/", text: "other versions" },
  ]);
  assert.equal(overview.images[0].url, url.replace("manual.html", "logo.gif"));

  const { api, sections } = await dataOf({
    url,
    selectors: {
      // 104 of the heads are functions and types of the C API: <h3><a name="lua_x"><code>lua_x</code>
      api: { selector: "h3 a[name^=lua_] code", multiple: true },
      sections: { selector: "h2", type: "count" },
    },
  });
  assert.equal(api.length, 104);
  assert.ok(api.includes("lua_pcall") && api.includes("lua_State"));
  assert.ok(sections > 20);
});

realPages("an old page with an unclosed list and a stray end tag is read as browsers do", {
  "libogg-dev": "1.3",
}, async () => {
  await using server = await site("libogg-dev");
  const directory = `${server.origin}/libogg-dev/html/libogg`;
  const page = await dataOf({
    url: `${directory}/ogg_page.html`,
    selectors: {
      name: "h1",
      code: { selector: "pre", trim: false },
      members: { selector: "dl dt", multiple: true },
      meanings: { selector: "dl dd", multiple: true },
      stylesheet: "link[rel=stylesheet]@href",
      framing: { selector: "a[href*=framing]", attribute: "href" },
    },
  });
  assert.deepEqual(page.members, ["header", "header_len", "body", "body_len"]);
  // "Length of the page header in bytes.</a>" and no </dd> in the source.
  assert.equal(page.meanings[1], "Length of the page header in bytes.");
  assert.equal(page.meanings.length, 4);
  assert.equal(
    page.code.trim(),
    "typedef struct {\n  unsigned char *header;\n  long           header_len;\n" +
      "  unsigned char *body;\n  long           body_len;\n} ogg_page;",
  );
  assert.equal(page.stylesheet, `${directory}/style.css`);
  assert.equal(page.framing, `${server.origin}/libogg-dev/html/framing.html`);
  const { types } = await dataOf({
    url: `${directory}/datastructures.html`,
    selectors: {
      types: {
        selector: "table[border='1'] tr + tr",
        multiple: true,
        fields: { name: "td:first-child", link: "a@href", purpose: "td:last-child" },
      },
    },
  });
  assert.equal(types.length, 4);
  assert.deepEqual(types[2], {
    name: "ogg_packet",
    link: `${directory}/ogg_packet.html`,
    purpose: "This structure encapsulates the data and metadata for a single Ogg packet.",
  });
});

realPages("XHTML with an XML declaration is read as HTML, in the encoding that it declares", {
  "libexpat1-dev": "2.5.0",
}, async () => {
  await using server = await site("libexpat1-dev", { contentType: "application/xhtml+xml" });
  const result = await page({
    url: `${server.origin}/libexpat1-dev/expat.html/reference.html`,
    selectors: {
      author: "meta[name=author]@content",
      functions: { selector: "pre.fcndec", type: "count" },
      first: { selector: "#XML_ParserCreate + pre", trim: false },
      encodings: { selector: "#XML_ParserCreate ~ div.fcndef ul li", multiple: true },
    },
  }, context());
  assert.equal(result.charset, "windows-1252");
  const data = result.data as Record<string, unknown>;
  assert.equal(data.author, "Clark Cooper, coopercc@netheaven.com");
  assert.equal(data.functions, 44);
  assert.equal(
    String(data.first).trim(),
    "XML_Parser XMLCALL\nXML_ParserCreate(const XML_Char *encoding);",
  );
  assert.deepEqual((data.encodings as string[]).slice(0, 4), [
    "US-ASCII",
    "UTF-8",
    "UTF-16",
    "ISO-8859-1",
  ]);
});

/** The chapters of Debian's FAQ, in their order: what `rel="next"` says, page after page. */
const CHAPTERS = [
  ...["index", "basic-defs", "getting-debian", "choosing", "compatibility", "software"],
  ...["ftparchives", "pkg-basics", "pkgtools", "uptodate", "kernel", "customizing", "support"],
  ...["contributing", "redistributing", "nextrelease", "faqinfo"],
];

realPages("a book is read chapter by chapter along rel=next, and whole along all its links", {
  "debian-faq": "11",
}, async () => {
  await using server = await site("debian-faq", { gzip: true });
  const start = `${server.origin}/debian/FAQ/index.en.html`;
  const selectors = { title: "h1", sections: { selector: "h2.title", type: "count" } };
  const more = { selectors, respect_robots: false };
  const rule = { depth: 100, follow: "link[rel=next]" };
  const book = await crawl(start, rule, more, context());
  assert.deepEqual(seenBy(book), CHAPTERS.map((name, n) => `${n} /debian/FAQ/${name}.en.html`));
  const kernel = book.pages[10];
  assert.ok(kernel !== undefined && "data" in kernel);
  assert.deepEqual(kernel.data, { title: "Chapter 10. Debian and the kernel", sections: 5 });
  assert.deepEqual([book.fetched, book.failed, book.stopped_by], [17, 0, "done"]);

  const whole = await crawl(start, { depth: 3, concurrency: 4, max_pages: 100 }, more, context());
  assert.deepEqual(
    new Set(whole.pages.map(({ url }) => new URL(url).pathname)),
    new Set(CHAPTERS.map((name) => `/debian/FAQ/${name}.en.html`)),
  );

  const { next, previous, language, meta } = await dataOf({
    url: `${server.origin}/debian/FAQ/kernel.en.html`,
  });
  assert.equal(next, start.replace("index", "customizing"));
  assert.equal(previous, start.replace("index", "uptodate"));
  assert.equal(language, null);
  assert.equal(meta.generator, "DocBook XSL Stylesheets Vsnapshot");
});
