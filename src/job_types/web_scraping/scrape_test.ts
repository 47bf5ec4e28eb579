import assert from "node:assert/strict";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { InputTooLargeError, PermanentJobError } from "../contract.ts";
import { FetchError } from "../guarded_fetch.ts";
import { testContext } from "../test_context.ts";
import { type Answer, serve, serveRaw, serveSite } from "../test_server.ts";
import { page } from "./test_scrape.ts";

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
    kind: "html",
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

Deno.test("a redirect leads to no page that robots.txt disallows, on its own origin or another", async () => {
  const redirect = (location: string): Answer => (_, response) =>
    void response.writeHead(302, { location }).end();
  await using other = await serveSite({
    "/robots.txt": "User-agent: *\nDisallow: /secret\n",
    "/secret": "<p>x",
    "/private/x": "<p>theirs is open",
  });
  await using site = await serveSite({
    "/robots.txt": ROBOTS,
    "/in": redirect("/private/x"),
    "/private/x": "<p>x",
    "/out": redirect(`${other.origin}/secret`),
    "/free": redirect(`${other.origin}/private/x`),
  });
  const cases: Readonly<Record<string, string>> = {
    "/in": `${site.origin}/robots.txt asks "Conductor-Test" not to fetch /private/x`,
    "/out": `${other.origin}/robots.txt asks "Conductor-Test" not to fetch /secret`,
  };
  for (const [path, words] of Object.entries(cases)) {
    const url = site.origin + path;
    await assert.rejects(
      page({ url }),
      (error: Error) => error instanceof PermanentJobError && error.message.startsWith(words),
      path,
    );
    assert.equal((await page({ url, respect_robots: false })).status, 200, path);
  }
  const free = await page({ url: `${site.origin}/free` });
  assert.equal(free.final_url, `${other.origin}/private/x`);
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

Deno.test("a server that speaks no HTTP fails the page with words", async () => {
  await using server = await serveRaw("SSH-2.0-OpenSSH\r\n");
  await assert.rejects(
    page({ url: server.origin, respect_robots: false }),
    /its answer is not HTTP/,
  );
});
