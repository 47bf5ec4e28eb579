import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { serve, serveSite } from "../test_server.ts";
import { crawl, seenBy } from "./test_scrape.ts";

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
