import assert from "node:assert/strict";
import { PermanentJobError } from "../contract.ts";
import { parseHtml, parseXml } from "./document.ts";
import { extract, requireValidSelectors } from "./extract.ts";
import { overviewOf } from "./overview.ts";
import type { Selectors } from "./payload.ts";

const SHOP = `<!doctype html><html lang="en"><head><title> Shop </title></head><body>
<h1>Our   <b>shop</b>
 today</h1>
<div class="item" data-id="1"><h2>Cup</h2><span class="price">3 €</span>
  <a href="/cup">more</a><ul><li>red</li><li> blue </li></ul></div>
<div class="item" data-id="2"><h2>Pot</h2><a href="pot?x=1#y">more</a></div>
<p class="pre">  two  spaces </p>
<img src="//cdn.example/a.png" alt="a"></body></html>`;

const pull = (selectors: Selectors, html = SHOP) => {
  requireValidSelectors({ selectors });
  return extract(parseHtml(html, "https://shop.example/list/"), selectors);
};

Deno.test("each type of selector yields its kind of value", () => {
  const data = pull({
    heading: "h1",
    id: ".item@data-id",
    link: { selector: "a", attribute: "href" },
    image: { selector: "img", type: "attribute", attribute: "src" },
    price_html: { selector: ".item", type: "html" },
    outer: { selector: ".price", type: "outer_html" },
    raw: { selector: ".pre", trim: false },
    names: { selector: "h2", type: "list" },
    links: { selector: ".item a", multiple: true, attribute: "href" },
    has_price: { selector: ".price", type: "exists" },
    items: { selector: ".item", type: "count" },
  });
  assert.match(String(data.price_html), /^<h2>Cup<\/h2>/);
  delete data.price_html;
  assert.deepEqual(data, {
    heading: "Our shop today",
    id: "1",
    link: "https://shop.example/cup",
    image: "https://cdn.example/a.png",
    outer: '<span class="price">3 €</span>',
    raw: "  two  spaces ",
    names: ["Cup", "Pot"],
    links: ["https://shop.example/cup", "https://shop.example/list/pot?x=1#y"],
    has_price: true,
    items: 2,
  });
});

Deno.test("match keeps what its pattern finds: the first group, or all of it, or nothing", () => {
  const html = "<p class=price>12.50 EUR</p><p>Art. 7</p><p>none</p><a href='/item/42'>x</a>";
  assert.deepEqual(
    pull({
      price: { selector: ".price", match: "[0-9.]+" },
      currency: { selector: ".price", match: "[0-9.]+ (\\w+)" },
      numbers: { selector: "p", multiple: true, match: "(\\d+)" },
      id: { selector: "a", attribute: "href", match: "/item/(\\d+)$" },
      missing: { selector: ".price", match: "USD" },
      markup: { selector: "p", type: "outer_html", match: 'class="(.*?)"' },
    }, html),
    {
      price: "12.50",
      currency: "EUR",
      numbers: ["12", "7"],
      id: "42",
      missing: null,
      markup: "price",
    },
  );
});

Deno.test("objects nest, and lists of objects keep to their element", () => {
  const data = pull({
    items: {
      selector: ".item",
      type: "list",
      fields: {
        id: { attribute: "data-id" },
        name: "h2",
        price: ".price",
        colours: { selector: "li", multiple: true },
        link: {
          selector: "a",
          type: "object",
          fields: { url: { attribute: "href" }, text: { type: "text" } },
        },
      },
    },
  });
  assert.deepEqual(data.items, [
    {
      id: "1",
      name: "Cup",
      price: "3 €",
      colours: ["red", "blue"],
      link: { url: "https://shop.example/cup", text: "more" },
    },
    {
      id: "2",
      name: "Pot",
      price: null,
      colours: [],
      link: { url: "https://shop.example/list/pot?x=1#y", text: "more" },
    },
  ]);
});

Deno.test("what is not there is null or an empty list, unless it is required", () => {
  assert.deepEqual(pull({ a: ".none", b: { selector: ".none", type: "list" }, c: "h1@none" }), {
    a: null,
    b: [],
    c: null,
  });
  assert.throws(
    () =>
      pull({
        a: { selector: ".none", required: true },
        items: {
          selector: ".item",
          multiple: true,
          fields: { price: { selector: ".price", required: true } },
        },
        ok: { selector: "h1", required: true },
      }),
    (error: Error) =>
      error instanceof PermanentJobError && /required: a, items\.price\./.test(error.message),
  );
});

Deno.test("selectors that are not CSS are all named before any work", () => {
  assert.throws(
    () =>
      requireValidSelectors({
        selectors: {
          a: "h1[",
          ok: "h1",
          deep: { selector: "p", fields: { b: ":nope(" } },
        },
      }),
    (error: Error) =>
      error instanceof PermanentJobError && /a "h1\["/.test(error.message) &&
      /deep\.b ":nope\("/.test(error.message) && !/ok/.test(error.message),
  );
});

Deno.test("a name like __proto__ is a name like any other", () => {
  const selectors = JSON.parse('{"__proto__": "h1", "constructor": "h2"}') as Selectors;
  assert.equal(
    JSON.stringify(pull(selectors)),
    '{"__proto__":"Our shop today","constructor":"Cup"}',
  );
});

Deno.test("a page's base counts for its links", () => {
  const html = '<base href="/deep/"><a href="x">x</a>';
  assert.deepEqual(pull({ a: "a@href" }, html), { a: "https://shop.example/deep/x" });
  for (const href of ["javascript:void(0)", "data:text/html,x"]) {
    const pseudo = `<base href="${href}"><a href="/x">x</a>`;
    assert.deepEqual(pull({ a: "a@href" }, pseudo), { a: "https://shop.example/x" }, href);
  }
});

Deno.test("XML is read as XML", () => {
  const feed = "<rss><channel><item><title>A</title><link>https://a/</link></item></channel></rss>";
  const page = parseXml(feed, "https://x/");
  assert.deepEqual(
    extract(page, {
      items: { selector: "item", type: "list", fields: { title: "title", link: "link" } },
    }),
    { items: [{ title: "A", link: "https://a/" }] },
  );
});

const PAGE = `<!doctype html><html lang="de"><head>
<title>Die
 Seite</title><meta name="Description" content="Was es gibt">
<link rel="canonical" href="/kanon"><link rel="next" href="2">
<link rel="alternate" type="application/rss+xml" href="/feed.xml">
<meta property="og:title" content="OG"><meta property="og:image" content="1.png">
<meta property="og:image" content="2.png"><meta name="author" content="N. N.">
<script type="application/ld+json">{"@type":"Article","name":"x"}</script>
<script type="application/ld+json">{broken</script>
<style>.x{}</style></head><body>
<h1>Eins</h1><h3> Drei <i>kursiv</i></h3><h2></h2>
<p>Ein Satz.<script>var hidden = 1</script> Noch<br>einer.</p><p hidden>versteckt</p>
<table><tr><td>a</td><td>b</td></tr></table>
<a href="/eins#a">Eins</a><a href="/eins#b">wieder</a><a href="mailto:x@y">Post</a>
<a href="javascript:void 0">Skript</a><a href="/bild"><img src="b.png" alt="Bild"></a>
<a href="http://[bad">kaputt</a><a>ohne</a>
<img data-src="spaet.png" src="data:image/gif;base64,R0lGOD"><img srcset="s1.png 1x, s2.png 2x">
</body></html>`;

Deno.test("without selectors, a page yields its overview", () => {
  const overview = overviewOf(parseHtml(PAGE, "https://x.example/pfad/"));
  const { warnings, ...rest } = overview;
  assert.deepEqual(rest, {
    title: "Die Seite",
    description: "Was es gibt",
    canonical: "https://x.example/kanon",
    language: "de",
    headings: [{ level: 1, text: "Eins" }, { level: 3, text: "Drei kursiv" }],
    links: [
      { url: "https://x.example/eins", text: "Eins" },
      { url: "https://x.example/bild", text: "Bild" },
    ],
    images: [
      { url: "https://x.example/pfad/b.png", alt: "Bild" },
      { url: "https://x.example/pfad/spaet.png", alt: "" },
      { url: "https://x.example/pfad/s1.png", alt: "" },
    ],
    text: "Eins\nDrei kursiv\nEin Satz. Noch\neiner.\na b\nEinswiederPost Skript kaputtohne",
    tables: [],
    feeds: ["https://x.example/feed.xml"],
    next: "https://x.example/pfad/2",
    previous: null,
    json_ld: [{ "@type": "Article", name: "x" }],
    open_graph: { "og:title": "OG", "og:image": ["1.png", "2.png"] },
    meta: { description: "Was es gibt", author: "N. N." },
  });
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /json_ld: block 2 is not JSON/);
});

Deno.test("an empty page yields an empty overview", () => {
  const overview = overviewOf(parseHtml("", "https://x.example/"));
  assert.equal(overview.title, null);
  assert.deepEqual(overview.links, []);
  assert.equal(overview.text, "");
});

Deno.test("long lists and texts are cut, and it says so", () => {
  const html = Array.from({ length: 1500 }, (_, i) => `<a href="/${i}">link ${i}</a>`).join(" ") +
    "word ".repeat(30_000);
  const overview = overviewOf(parseHtml(html, "https://x.example/"));
  assert.equal(overview.links.length, 1000);
  assert.equal(overview.text.length, 100_000);
  assert.deepEqual(overview.warnings.map((each) => each.split(":")[0]).sort(), ["links", "text"]);
});

Deno.test("tag soup is read as browsers read it", () => {
  const soup = "<!doctype html><p>one<p>two<table><td>cell<b>bold</table>after<div><li>item";
  assert.deepEqual(
    pull({ p: { selector: "p", type: "list" }, cell: "tbody > tr > td", li: "li" }, soup),
    {
      p: ["one", "two"],
      cell: "cellbold",
      li: "item",
    },
  );
});

Deno.test("a page as deep as any real one is read, one without end is refused at once", () => {
  const nested = (depth: number) =>
    overviewOf(parseHtml("<div>".repeat(depth) + "bottom", "https://x.example/"));
  assert.equal(nested(1_900).text, "bottom");
  assert.throws(() => nested(1_000_000), PermanentJobError);
});

Deno.test("a template's content is no part of the page, and there for who selects the template", () => {
  const html =
    `<body><p class="a">shown</p><template id="row"><p class="a">{{name}} <a href="/{{id}}">x</a></p>
    <template><i>deep</i></template></template>
    <div><template shadowrootmode="open"><p class="a">shadow <a href="/s">s</a></p></template></div>`;
  const data = pull({
    all: { selector: ".a", multiple: true },
    count: { selector: ".a", type: "count" },
    within: "#row a",
    body: "body",
    row: { selector: "#row", fields: { name: ".a", link: "a@href" } },
    text: "#row",
    html: { selector: "#row", type: "html" },
    outer: { selector: "body", type: "outer_html" },
    shadow: "div > template > p",
  }, html);
  const { html: inner, outer, ...rest } = data;
  assert.deepEqual(rest, {
    all: ["shown", "shadow s"],
    count: 2,
    within: null,
    body: "shown shadow s",
    row: { name: "{{name}} x", link: "https://shop.example/%7B%7Bid%7D%7D" },
    text: "{{name}} x",
    shadow: "shadow s",
  });
  assert.match(String(inner), /^<p class="a">{{name}}.*<template><i>deep<\/i><\/template>$/s);
  assert.match(String(outer), /<template id="row"><p class="a">{{name}}.*<i>deep<\/i>/s);
  const { links, text } = overviewOf(parseHtml(html, "https://shop.example/"));
  assert.deepEqual(links, [{ url: "https://shop.example/s", text: "s" }]);
  assert.equal(text, "shown\nshadow s");
});
