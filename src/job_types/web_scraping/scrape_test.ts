import assert from "node:assert/strict";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { InputTooLargeError, type JobContext, PermanentJobError } from "../contract.ts";
import { FetchError } from "../guarded_fetch.ts";
import { testContext } from "../test_context.ts";
import { serve, serveRaw, serveSite } from "../test_server.ts";
import type { CrawlResult } from "./crawl.ts";
import { webScraping } from "./mod.ts";
import type { PageResult } from "./page_result.ts";

/** Every result of this file is what the documented schema says. */
const run = async (payload: Record<string, unknown>, context: JobContext = testContext()) =>
  webScraping.resultSchema!.parse(
    await webScraping.run(webScraping.payloadSchema.parse(payload), context),
  );
const page = async (payload: Record<string, unknown>, context?: JobContext) =>
  await run(payload, context) as PageResult;
const crawl = async (
  url: string,
  rule: Record<string, unknown>,
  more: Record<string, unknown> = {},
  context?: JobContext,
) => await run({ url, crawl: { delay_ms: 0, ...rule }, ...more }, context) as CrawlResult;

// --- one page --------------------------------------------------------------------------------

Deno.test("a page's values come back with where they came from", async () => {
  await using site = await serveSite({
    "/": (_, response) => void response.writeHead(302, { location: "/home" }).end(),
    "/home": "<h1>Hello</h1><a href=x>x</a>",
  });
  const context = testContext();
  const result = await page(
    {
      url: site.origin,
      selectors: { h: "h1", links: { selector: "a", type: "list", attribute: "href" } },
    },
    context,
  );
  assert.deepEqual(result, {
    url: `${site.origin}/`,
    final_url: `${site.origin}/home`,
    status: 200,
    content_type: "text/html; charset=utf-8",
    charset: "utf-8",
    bytes: 29,
    data: { h: "Hello", links: [`${site.origin}/x`] },
  });
  assert.equal(context.reports.at(-1)?.fraction, 1);
  assert.deepEqual(site.requests, ["GET /robots.txt", "GET /", "GET /home"]);
});

Deno.test("compressed pages in other charsets are read", async () => {
  const russian = new Uint8Array([0x3c, 0x68, 0x31, 0x3e, 0xcf, 0xf0, 0xe8]); // <h1>При
  const japanese = new Uint8Array([
    ...new TextEncoder().encode('<meta charset="Shift_JIS"><h1>'),
    ...[0x93, 0xfa, 0x96, 0x7b],
  ]);
  const bom = new TextEncoder().encode("\ufeff<h1>é");
  const cases: readonly (readonly [string, string, Uint8Array, string])[] = [
    ["text/html; charset=windows-1251", "gzip", gzipSync(russian), "При"],
    ["text/html", "br", brotliCompressSync(japanese), "日本"],
    ["text/html; charset=latin1", "identity", bom, "é"],
  ];
  for (const [type, encoding, body, text] of cases) {
    await using site = await serve((_, response) => {
      response.writeHead(200, { "content-type": type, "content-encoding": encoding }).end(body);
    });
    const result = await page({ url: site.origin, selectors: { h: "h1" }, respect_robots: false });
    assert.deepEqual(result.data, { h: text }, type);
  }
});

Deno.test("the payload's headers and name are sent", async () => {
  await using site = await serve((request, response) => {
    response.end(
      `<p>${request.headers["user-agent"]}|${request.headers["x-key"]}|${request.headers.accept}`,
    );
  });
  const result = await page({
    url: site.origin,
    selectors: { p: "p" },
    user_agent: "Other/1.0",
    headers: { "X-Key": "k", Accept: "text/html" },
    respect_robots: false,
  });
  assert.deepEqual(result.data, { p: "Other/1.0|k|text/html" });
});

Deno.test("a redirect that is not wanted is answered as it is", async () => {
  await using site = await serve((_, response) =>
    void response.writeHead(301, { location: "/x" }).end()
  );
  const result = await page({ url: site.origin, follow_redirects: false, respect_robots: false });
  assert.equal(result.status, 301);
  assert.equal(result.location, `${site.origin}/x`);
  assert.equal(result.data, null);
});

Deno.test("what is no page, too large or missing fails for good; a busy server does not", async () => {
  await using site = await serveSite({
    "/pdf": (_, response) =>
      void response.writeHead(200, { "content-type": "application/pdf" }).end("%PDF"),
    "/large": "x".repeat(5_000),
    "/busy": (_, response) => void response.writeHead(503).end(),
  });
  const fails = (path: string, more = {}) =>
    page({ url: site.origin + path, respect_robots: false, ...more });
  await assert.rejects(fails("/pdf"), /application\/pdf, which is not a page/);
  await assert.rejects(fails("/large", { max_bytes: 1_000 }), InputTooLargeError);
  await assert.rejects(
    fails("/missing"),
    (error: Error) => error instanceof PermanentJobError && /status 404/.test(error.message),
  );
  await assert.rejects(
    fails("/busy"),
    (error: Error) =>
      error instanceof FetchError && !(error instanceof PermanentJobError) &&
      /503/.test(error.message),
  );
});

Deno.test("the worker's own bound holds whatever the payload says", async () => {
  await using site = await serveSite({ "/": "x".repeat(5_000) });
  const context = testContext();
  const tight = { ...context, limits: { ...context.limits, inputBytesMax: 1_000 } };
  await assert.rejects(
    page({ url: site.origin, max_bytes: 1_000_000, respect_robots: false }, tight),
    InputTooLargeError,
  );
});

Deno.test("a slow page meets its time limit", async () => {
  await using site = await serve((_, response) => void response.write("<p>"));
  await assert.rejects(
    page({ url: site.origin, timeout_ms: 100, respect_robots: false }),
    /longer than 100 ms/,
  );
});

Deno.test("data: URLs, and files below a read root, are scraped without a server", async () => {
  const selectors = { h: "h1" };
  const inline = await page({ url: "data:text/html;charset=utf-8,<h1>Ein%20Titel", selectors });
  assert.deepEqual(inline.data, { h: "Ein Titel" });
  assert.equal(inline.status, undefined);
  const root = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${root}/page.html`, "<h1>Datei");
    const context = testContext({ files: { readRoots: [root], writeRoots: [] } });
    const file = await page({ url: `file://${root}/page.html`, selectors }, context);
    assert.deepEqual(file.data, { h: "Datei" });
    await assert.rejects(page({ url: "file:///etc/hosts", selectors }, context), PermanentJobError);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("selectors that are no CSS fail before anything is fetched", async () => {
  await using site = await serveSite({ "/": "<p>" });
  await assert.rejects(page({ url: site.origin, selectors: { a: "p[" } }), /a "p\["/);
  assert.deepEqual(site.requests, []);
});

// --- robots.txt ------------------------------------------------------------------------------

const ROBOTS = "User-agent: *\nDisallow: /private\n\nUser-agent: greedybot\nDisallow: /\n";

Deno.test("robots.txt is asked, and obeyed unless the job says otherwise", async () => {
  await using site = await serveSite({
    "/robots.txt": ROBOTS,
    "/private/x": "<p>x",
    "/open": "<p>x",
  });
  const url = `${site.origin}/private/x`;
  await assert.rejects(
    page({ url }),
    (error: Error) =>
      error instanceof PermanentJobError &&
      /robots\.txt asks "Conductor-Test" not to fetch \/private\/x/.test(error.message),
  );
  assert.deepEqual(site.requests, ["GET /robots.txt"]);
  assert.equal((await page({ url: `${site.origin}/open` })).status, 200);
  await assert.rejects(
    page({ url: `${site.origin}/open`, user_agent: "GreedyBot/2.0 (+x)" }),
    /robots\.txt/,
  );
  assert.equal((await page({ url, respect_robots: false })).status, 200);
});

Deno.test("a missing robots.txt allows, an unreadable one is tried again later", async () => {
  await using free = await serveSite({ "/": "<p>x" });
  assert.equal((await page({ url: free.origin })).status, 200);
  await using down = await serveSite({
    "/": "<p>x",
    "/robots.txt": (_, response) => void response.writeHead(500).end(),
  });
  await assert.rejects(
    page({ url: down.origin }),
    (error: Error) =>
      error instanceof FetchError && /robots\.txt answered with status 500/.test(error.message),
  );
});

Deno.test("an endless robots.txt is read to its bound", async () => {
  await using site = await serve((request, response) => {
    if (request.url !== "/robots.txt") return void response.end("<p>x");
    response.write("User-agent: *\nDisallow: /no\n");
    const more = () => {
      while (!response.destroyed && response.write("# filler\n".repeat(10_000)));
      response.once("drain", more);
    };
    more();
  });
  assert.equal((await page({ url: site.origin })).status, 200);
  await assert.rejects(page({ url: `${site.origin}/no` }), /robots\.txt/);
});

// --- a crawl ---------------------------------------------------------------------------------

/** A small site: a tree of pages, a circle, a dead link, a file, another host, and a trap. */
const SITE: Parameters<typeof serveSite>[0] = {
  "/": '<title>home</title><a href="/a">a</a><a href="/b">b</a><a href="/#top">top</a>',
  "/a": '<title>a</title><a href="/">home</a><a href="/a/1">1</a><a href="/dead">dead</a>',
  "/b": '<title>b</title><a href="/a/1?">1 again</a><a href="http://elsewhere.invalid/">out</a>' +
    '<a href="/photo.jpg">photo</a><a href="/b?y=2&x=1">q</a><a href="/b?x=1&y=2">same q</a>',
  "/a/1": '<title>a1</title><a href="/deep">deep</a><a href="mailto:a@b.c">mail</a>',
  "/deep": "<title>deep</title>",
};

const seenBy = (result: CrawlResult) =>
  result.pages.map((each) =>
    `${each.depth} ${URL.parse(each.url)?.pathname}${URL.parse(each.url)?.search}`
  );

Deno.test("a crawl goes breadth first, each page once, and keeps to its site and depth", async () => {
  await using site = await serveSite(SITE);
  const result = await crawl(site.origin, { depth: 2 }, { selectors: { title: "title" } });
  assert.deepEqual(seenBy(result), [
    "0 /",
    "1 /a",
    "1 /b",
    "2 /a/1",
    "2 /dead",
    "2 /b?y=2&x=1",
  ]);
  assert.equal(result.fetched, 5);
  assert.equal(result.failed, 1);
  assert.equal(result.stopped_by, "done");
  const [home, , , , dead] = result.pages;
  assert.deepEqual(home !== undefined && "data" in home && home.data, { title: "home" });
  assert.ok(dead !== undefined && "error" in dead && /status 404/.test(dead.error));
  assert.ok(!site.requests.includes("GET /photo.jpg") && !site.requests.includes("GET /deep"));
});

Deno.test("depth 0 is the first page alone", async () => {
  await using site = await serveSite(SITE);
  assert.deepEqual(seenBy(await crawl(site.origin, { depth: 0 })), ["0 /"]);
});

Deno.test("a trap without end is left at the page limit", async () => {
  await using trap = await serve((request, response) => {
    response.end(
      `<a href="${request.url}x/">on</a><a href="${request.url}?n=${Math.PI}">and on</a>`,
    );
  });
  const result = await crawl(trap.origin, { depth: 100, max_pages: 12 }, { respect_robots: false });
  assert.equal(result.fetched, 12);
  assert.equal(result.stopped_by, "max_pages");
  assert.equal(trap.requests.length, 12);
});

Deno.test("include and exclude choose which links are followed", async () => {
  await using site = await serveSite(SITE);
  assert.deepEqual(seenBy(await crawl(site.origin, { depth: 3, include: ["/a"] })).slice(0, 3), [
    "0 /",
    "1 /a",
    "2 /a/1",
  ]);
  assert.deepEqual(seenBy(await crawl(site.origin, { depth: 1, exclude: ["/a$"] })), [
    "0 /",
    "1 /b",
  ]);
});

Deno.test("a crawl obeys robots.txt, nofollow, and counts what it left out", async () => {
  await using site = await serveSite({
    "/robots.txt": ROBOTS,
    "/": '<a href="/private/x">p</a><a rel="external nofollow" href="/n">n</a><a href="/m">m</a>',
    "/m": '<meta name="robots" content="noindex, nofollow"><a href="/o">o</a>',
    "/n": "n",
    "/o": "o",
    "/private/x": "x",
  });
  const obedient = await crawl(site.origin, { depth: 3 });
  assert.deepEqual(seenBy(obedient), ["0 /", "1 /m"]);
  assert.equal(obedient.refused_by_robots, 1);
  const other = await crawl(site.origin, { depth: 3 }, { respect_robots: false });
  assert.deepEqual(seenBy(other), ["0 /", "1 /private/x", "1 /n", "1 /m", "2 /o"]);
});

Deno.test("redirects to a known page or off the site give no second page", async () => {
  await using other = await serveSite({ "/": "other" });
  await using site = await serveSite({
    "/": '<a href="/a">a</a><a href="/to-a">a</a><a href="/out">out</a>',
    "/a": "a",
    "/to-a": (_, response) => void response.writeHead(302, { location: "/a" }).end(),
    "/out": (_, response) => void response.writeHead(302, { location: other.origin }).end(),
  });
  const result = await crawl(site.origin, { depth: 1 });
  assert.deepEqual(seenBy(result), ["0 /", "1 /a", "1 /out"]);
  assert.match((result.pages[2] as { error: string }).error, /redirects off the site/);
});

Deno.test("headers of the payload go to the first origin alone", async () => {
  const keys: (string | undefined)[] = [];
  await using other = await serve((request, response) => {
    keys.push(request.headers["x-key"] as string | undefined);
    response.end("other");
  });
  await using site = await serve((request, response) => {
    keys.push(request.headers["x-key"] as string | undefined);
    response.end(`<a href="${other.origin}/">other</a>`);
  });
  await crawl(site.origin, { depth: 1, same_site: false }, {
    headers: { "X-Key": "k" },
    respect_robots: false,
  });
  assert.deepEqual(keys, ["k", undefined]);
});

Deno.test("a page whose values are missing fails alone; the first page's failure is the job's", async () => {
  await using site = await serveSite({
    "/": '<h1>x</h1><a href="/a">a</a>',
    "/a": "<p>no heading",
  });
  const selectors = { h: { selector: "h1", required: true } };
  const result = await crawl(site.origin, { depth: 1 }, { selectors });
  assert.equal(result.fetched, 1);
  assert.match((result.pages[1] as { error: string }).error, /required: h/);
  await assert.rejects(crawl(`${site.origin}/a`, { depth: 1 }, { selectors }), /required: h/);
});

Deno.test("a crawl ends before its result grows beyond what results may be", async () => {
  const text = "word ".repeat(2_000);
  await using site = await serve((request, response) => {
    const number = Number(request.url?.slice(1) || 0);
    response.end(`<p>${text}<a href="/${number + 1}">next</a>`);
  });
  const context = testContext();
  const small = { ...context, limits: { ...context.limits, resultBytesMax: 50_000 } };
  const result = await crawl(site.origin, { depth: 100 }, { respect_robots: false }, small);
  assert.equal(result.stopped_by, "result_size");
  assert.ok(result.fetched >= 3 && result.fetched <= 4, String(result.fetched));
  assert.ok(JSON.stringify(result).length <= 50_000);
});

Deno.test("the site's wish for a pause is granted between requests", async () => {
  await using site = await serveSite({
    "/robots.txt": "User-agent: *\nCrawl-delay: 0.15",
    "/": '<a href="/a">a</a><a href="/b">b</a>',
    "/a": "a",
    "/b": "b",
  });
  const starts: number[] = [];
  const context = testContext();
  const timed: JobContext = {
    ...context,
    fetch(url, options) {
      if (!String(url).endsWith("/robots.txt")) starts.push(performance.now());
      return context.fetch(url, options);
    },
  };
  await crawl(site.origin, { depth: 1 }, {}, timed);
  const gaps = starts.slice(1).map((start, index) => start - starts[index]!);
  assert.equal(gaps.length, 2);
  // A timer may be early by its own resolution.
  assert.ok(gaps.every((gap) => gap >= 148), gaps.join(", "));
});

Deno.test("progress is reported page by page and never goes beyond the end", async () => {
  await using site = await serveSite(SITE);
  const context = testContext();
  await crawl(site.origin, { depth: 2 }, {}, context);
  assert.ok(context.reports.length >= 6);
  assert.ok(context.reports.every(({ fraction }) => fraction > 0 && fraction <= 1));
  assert.match(context.reports[1]?.message ?? "", /2 pages fetched, 0 failed, \d+ waiting/);
});

Deno.test("a cancelled crawl ends at once, in a page or in a pause", async () => {
  const reason = new Error("the job was cancelled");
  const stuck = Promise.withResolvers<void>();
  await using site = await serve((request, response) => {
    if (request.url === "/") return void response.end('<a href="/stuck">s</a>');
    stuck.resolve();
    response.write("never ends");
  });
  const first = new AbortController();
  const inPage = assert.rejects(
    crawl(
      site.origin,
      { depth: 1 },
      { respect_robots: false },
      testContext({ signal: first.signal }),
    ),
    (error) => error === reason,
  );
  await stuck.promise;
  first.abort(reason);
  await inPage;

  const second = new AbortController();
  const context = testContext({ signal: second.signal });
  const paused = {
    ...context,
    progress: () => second.abort(reason),
  };
  await assert.rejects(
    crawl(site.origin, { depth: 1, delay_ms: 600_000 }, { respect_robots: false }, paused),
    (error) => error === reason,
  );
});

Deno.test("a server that speaks no HTTP fails the page with words", async () => {
  await using server = await serveRaw("SSH-2.0-OpenSSH\r\n");
  await assert.rejects(
    page({ url: server.origin, respect_robots: false }),
    /its answer is not HTTP/,
  );
});
