import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
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
  assert.deepEqual(seenBy(await crawl(site.origin, { depth: 3 })), [
    "0 /",
    "1 /moved",
    "1 /kept",
    "2 /further",
  ]);
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

// --- what a site may ask for -------------------------------------------------------------------

Deno.test("links are looked for in what follow selects alone, and pages are turned to the end", async () => {
  const turned = (number: number) =>
    `<a href="/item/${number}">item</a><nav><a class="next" href="/list?page=${
      number + 1
    }">on</a></nav>`;
  await using site = await serve((request, response) => {
    const number = Number(/page=(\d+)/.exec(request.url ?? "")?.[1]);
    response.end(number < 4 ? turned(number) : '<link rel="next" href="/end">');
  });
  const rule = { depth: 100, follow: "a.next, link[rel=next]" };
  const result = await crawl(`${site.origin}/list?page=1`, rule, { respect_robots: false });
  assert.deepEqual(seenBy(result).map((each) => each.replace(/^\d+ /, "")), [
    "/list?page=1",
    "/list?page=2",
    "/list?page=3",
    "/list?page=4",
    "/end",
  ]);
});

Deno.test("a feed's entries are followed as links are", async () => {
  await using site = await serveSite({
    "/feed": (_, response) =>
      void response.writeHead(200, { "content-type": "application/rss+xml" }).end(
        "<rss><channel><link>/about</link><item><link>/one</link></item></channel></rss>",
      ),
    "/atom": (_, response) =>
      void response.writeHead(200, { "content-type": "application/atom+xml" }).end(
        '<feed><link href="/self"/><entry><link href="/two"/><link rel="edit" href="/no"/></entry></feed>',
      ),
    "/one": "1",
    "/two": "2",
  });
  const more = { respect_robots: false };
  assert.deepEqual(seenBy(await crawl(`${site.origin}/feed`, {}, more)), ["0 /feed", "1 /one"]);
  assert.deepEqual(seenBy(await crawl(`${site.origin}/atom`, {}, more)), ["0 /atom", "1 /two"]);
});

Deno.test("sitemaps are read: those of robots.txt, indexes, gzip files and plain lists", async () => {
  const xml = (parent: string, ...urls: string[]) =>
    `<?xml version="1.0"?><x xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">` +
    urls.map((url) => `<${parent}><loc> ${url} </loc></${parent}>`).join("") + "</x>";
  await using site: Awaited<ReturnType<typeof serveSite>> = await serveSite({
    "/robots.txt": (request, response) => {
      const origin = `http://${request.headers.host}`;
      response.end(`Sitemap: ${origin}/index.xml\nSitemap: ${origin}/list.txt\n`);
    },
    "/index.xml": (request, response) => {
      const origin = `http://${request.headers.host}`;
      response.end(
        xml("sitemap", `${origin}/packed.xml.gz`, `${origin}/gone.xml`, `${origin}/index.xml`),
      );
    },
    "/packed.xml.gz": (request, response) => {
      const origin = `http://${request.headers.host}`;
      response.end(
        gzipSync(xml("url", `${origin}/a`, "https://elsewhere.invalid/x", `${origin}/a`)),
      );
    },
    "/list.txt": (request, response) =>
      response.end(`http://${request.headers.host}/b\n\nno url\n`),
    "/": "start",
    "/a": "a",
    "/b": "b",
  });
  assert.deepEqual(seenBy(await crawl(site.origin, { sitemap: true })), ["0 /", "1 /b", "1 /a"]);
  assert.equal(site.requests.filter((each) => each === "GET /index.xml").length, 1);
  await using plain = await serveSite({
    "/sitemap.xml": (request, response) =>
      response.end(xml("url", `http://${request.headers.host}/c`)),
    "/": "start",
    "/c": "c",
  });
  assert.deepEqual(seenBy(await crawl(plain.origin, { sitemap: true })), ["0 /", "1 /c"]);
  await using none = await serveSite({ "/": "start" });
  assert.deepEqual(seenBy(await crawl(none.origin, { sitemap: true })), ["0 /"]);
});

Deno.test("as many pages are asked for at once as the rule says, and each of them once", async () => {
  let underWay = 0;
  let most = 0;
  const together = Promise.withResolvers<void>();
  await using site = await serve(async (request, response) => {
    if (request.url === "/") {
      const links = Array.from({ length: 12 }, (_, n) => `<a href="/${n}">${n}</a>`).join("");
      return void response.end(links);
    }
    most = Math.max(most, ++underWay);
    if (underWay === 4) together.resolve();
    // Nobody is answered before four have asked: with fewer at once the crawl would never end.
    await together.promise;
    underWay--;
    response.end("page");
  });
  const result = await crawl(site.origin, { concurrency: 4 }, { respect_robots: false });
  assert.equal(most, 4);
  assert.equal(result.fetched, 13);
  assert.deepEqual(
    seenBy(result).slice(1).toSorted(),
    Array.from({ length: 12 }, (_, n) => `1 /${n}`).toSorted(),
  );
});

Deno.test("with many at once a crawl still ends at its number of pages, and at its end", async () => {
  await using trap = await serve((request, response) => {
    response.end(`<a href="${request.url}x/">on</a><a href="${request.url}y/">on</a>`);
  });
  const more = { respect_robots: false };
  const cut = await crawl(trap.origin, { depth: 100, max_pages: 9, concurrency: 8 }, more);
  assert.equal(cut.fetched, 9);
  assert.equal(cut.stopped_by, "max_pages");
  assert.equal(trap.requests.length, 9);
  const whole = await crawl(trap.origin, { depth: 2, concurrency: 8 }, more);
  assert.equal(whole.fetched, 7);
  assert.equal(whole.stopped_by, "done");
});

Deno.test("a page that fails for now is asked for again, as the server says when; one for good is not", async () => {
  const tries: Record<string, number> = {};
  await using site = await serve((request, response) => {
    const path = request.url ?? "";
    const number = tries[path] = (tries[path] ?? 0) + 1;
    if (path === "/") {
      return void response.end(
        '<a href="/busy">1</a><a href="/down">2</a><a href="/later">3</a><a href="/gone">4</a>',
      );
    }
    const ask = { "/busy": "0", "/down": "0", "/later": "3600" }[path];
    if (path === "/busy" && number === 3) return void response.end("open");
    response.writeHead(
      path === "/gone" ? 410 : 503,
      ask === undefined ? {} : { "retry-after": ask },
    );
    response.end();
  });
  const result = await crawl(site.origin, {}, { respect_robots: false });
  assert.deepEqual(tries, { "/": 1, "/busy": 3, "/down": 3, "/later": 1, "/gone": 1 });
  assert.deepEqual(
    result.pages.map((each) => "error" in each ? each.retryable : "read"),
    ["read", "read", true, true, false],
  );
  const [, , , later] = result.pages;
  assert.match((later as { error: string }).error, /asks to be left alone for 3600 s/);
});

Deno.test("the first page is tried again too, and so is a robots.txt that failed", async () => {
  let robots = 0;
  let home = 0;
  await using site = await serveSite({
    "/robots.txt": (_, response) =>
      void response.writeHead(++robots === 1 ? 500 : 404, { "retry-after": "0" }).end(),
    "/": (_, response) =>
      void response.writeHead(++home === 1 ? 429 : 200, { "retry-after": "0" }).end("home"),
  });
  assert.deepEqual(seenBy(await crawl(site.origin, { depth: 0 }, { retries: 2 })), ["0 /"]);
  assert.deepEqual([robots, home], [2, 2]);
});

Deno.test("cookies that pages set are sent to the next ones, and not to others, unless none are wanted", async () => {
  const seen: string[] = [];
  await using other = await serve((request, response) => {
    seen.push(`other ${request.headers.cookie}`);
    response.end("other");
  });
  await using site = await serve((request, response) => {
    seen.push(`${request.url} ${request.headers.cookie}`);
    response.setHeader("set-cookie", [
      "session=1; HttpOnly",
      "private=2; Path=/private",
      "foreign=3; Domain=example.com",
      ";;; ==",
    ]);
    // Loopback by another name is another host.
    response.end(`<a href="/a">a</a><a href="http://localhost:${other.port}/">other</a>`);
  });
  const rule = { same_site: false };
  await crawl(site.origin, rule, { respect_robots: false });
  assert.deepEqual(seen, ["/ undefined", "/a session=1", "other undefined"]);
  seen.length = 0;
  await crawl(site.origin, rule, { respect_robots: false, cookies: false });
  assert.deepEqual(seen, ["/ undefined", "/a undefined", "other undefined"]);
});
