import assert from "node:assert/strict";
import type { JobContext } from "../contract.ts";
import { testContext } from "../test_context.ts";
import { serve, serveSite } from "../test_server.ts";
import { crawl, seenBy } from "./test_scrape.ts";

const ROBOTS = "User-agent: *\nDisallow: /private\n\nUser-agent: greedybot\nDisallow: /\n";

/** A small site: a tree of pages, a circle, a dead link, a file, another host, and a trap. */
const SITE: Parameters<typeof serveSite>[0] = {
  "/": '<title>home</title><a href="/a">a</a><a href="/b">b</a><a href="/#top">top</a>',
  "/a": '<title>a</title><a href="/">home</a><a href="/a/1">1</a><a href="/dead">dead</a>',
  "/b": '<title>b</title><a href="/a/1?">1 again</a><a href="http://elsewhere.invalid/">out</a>' +
    '<a href="/photo.jpg">photo</a><a href="/b?y=2&x=1">q</a><a href="/b?x=1&y=2">same q</a>',
  "/a/1": '<title>a1</title><a href="/deep">deep</a><a href="mailto:a@b.c">mail</a>',
  "/deep": "<title>deep</title>",
};

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
    "/m":
      '<meta name="robots" content="noindex"><meta name="robots" content="nofollow"><a href="/o">o</a>',
    "/n": "n",
    "/o": "o",
    "/private/x": "x",
  });
  const obedient = await crawl(site.origin, { depth: 3 });
  assert.deepEqual(seenBy(obedient), ["0 /", "1 /m"]);
  // One by robots.txt, one by its link, one by the page that it is on.
  assert.equal(obedient.refused_by_robots, 3);
  const other = await crawl(site.origin, { depth: 3 }, { respect_robots: false });
  assert.deepEqual(seenBy(other), ["0 /", "1 /private/x", "1 /n", "1 /m", "2 /o"]);
  assert.equal(other.refused_by_robots, 0);
});

Deno.test("what a crawl is asked not to follow counts once a page, if it would have been visited", async () => {
  await using site = await serveSite({
    "/": '<a rel="nofollow" href="/n">n</a><a rel="nofollow" href="/n#end">n again</a>' +
      '<a rel="nofollow" href="/also">also</a><a href="/a">a</a><a rel="nofollow" href="/a">a</a>' +
      '<a rel="nofollow" href="/photo.jpg">file</a><a rel="nofollow" href="/skip">excluded</a>' +
      '<a rel="nofollow" href="http://elsewhere.invalid/">other site</a>',
    "/a": '<a rel="nofollow" href="/n">n</a><a href="/also">another page may lead there</a>',
    "/also": '<a rel="nofollow" href="/deep">too deep</a>',
    "/n": "n",
  });
  const result = await crawl(site.origin, { depth: 2, exclude: ["/skip"] });
  assert.deepEqual(seenBy(result), ["0 /", "1 /a", "2 /also"]);
  assert.equal(result.refused_by_robots, 1);
});

Deno.test("a server's header says nofollow as a page does, and a page may send its reader on", async () => {
  await using site = await serveSite({
    "/": '<meta http-equiv="Refresh" content="0; URL=\'/moved\'"><a href="/kept">kept</a>',
    "/moved": '<a href="/further">further</a>',
    "/kept": (_, response) =>
      void response.writeHead(200, { "x-robots-tag": "noarchive, nofollow" })
        .end('<a href="/hidden">hidden</a>'),
    "/further": "end",
    "/hidden": "hidden",
  });
  const result = await crawl(site.origin, { depth: 3 });
  assert.deepEqual(seenBy(result), ["0 /", "1 /moved", "1 /kept", "2 /further"]);
  assert.equal(result.refused_by_robots, 1);
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
  const keys: string[][] = [];
  const ownOf = (raw: readonly string[]) =>
    raw.filter((_, at) => /^(x-key|__proto__)$/.test(raw[at - 1] ?? ""));
  await using other = await serve((request, response) => {
    keys.push(ownOf(request.rawHeaders));
    response.end("other");
  });
  await using site = await serve((request, response) => {
    keys.push(ownOf(request.rawHeaders));
    response.end(`<a href="${other.origin}/">other</a>`);
  });
  await crawl(site.origin, { depth: 1, same_site: false }, {
    headers: JSON.parse('{"X-Key": "k", "__proto__": "p"}') as Record<string, string>,
    respect_robots: false,
  });
  assert.deepEqual(keys, [["k", "p"], []]);
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
    "/robots.txt": "User-agent: *\nCrawl-delay: 0.5",
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
  // From when one was due to when the next was, and the first may have been late: far less than the
  // wish, and far more than no pause at all.
  assert.ok(gaps.every((gap) => gap >= 75), gaps.join(", "));
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
