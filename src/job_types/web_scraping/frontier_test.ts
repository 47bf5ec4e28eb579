import assert from "node:assert/strict";
import { Frontier, identityOf } from "./frontier.ts";
import type { CrawlRule } from "./payload.ts";

const RULE: CrawlRule = {
  depth: 5,
  max_pages: 100,
  same_site: true,
  delay_ms: 0,
  concurrency: 1,
  sitemap: false,
  include: [],
  exclude: [],
};

/** Which of `links` a crawl from `start` would follow. */
function followed(
  start: string,
  links: readonly string[],
  rule: Partial<CrawlRule> = {},
): string[] {
  const frontier = new Frontier(new URL(start), { ...RULE, ...rule });
  frontier.take();
  frontier.add(links, 0);
  const urls: string[] = [];
  for (let next = frontier.take(); next !== undefined; next = frontier.take()) {
    urls.push(next.url.href);
  }
  return urls;
}

Deno.test("spellings of one page are one page", () => {
  const same = [
    "https://example.com/a?x=1&y=2",
    "http://www.example.com/a?y=2&x=1#part",
    "https://EXAMPLE.com:443//a?x=1&y=2",
    "https://example.com./a?x=1&y=2",
  ];
  assert.equal(new Set(same.map((url) => identityOf(new URL(url)))).size, 1);
  const different = [
    "https://example.com/a",
    "https://example.com/A",
    "https://example.com/a?x=1",
    "https://example.com:8443/a",
    "https://sub.example.com/a",
    "https://example.com/a/",
  ];
  assert.equal(new Set(different.map((url) => identityOf(new URL(url)))).size, different.length);
});

Deno.test("a crawl stays on its site, with and without www, by http and https", () => {
  const on = ["https://example.com/1", "http://www.example.com/2"];
  const off = [
    "https://sub.example.com/3",
    "https://example.com:8443/4",
    "https://example.com.evil/5",
  ];
  assert.deepEqual(followed("http://example.com/", [...on, ...off]), on);
  assert.deepEqual(followed("http://example.com/", [...on, ...off], { same_site: false }), [
    ...on,
    ...off,
  ]);
});

Deno.test("what leads to no page is not followed", () => {
  const links = [
    "https://example.com/photo.JPG",
    "https://example.com/file.pdf?download=1",
    "mailto:a@example.com",
    "ftp://example.com/x",
    "https://user@example.com/x",
    "not a url",
    `https://example.com/${"a".repeat(3_000)}`,
  ];
  assert.deepEqual(followed("https://example.com/", links), []);
});

Deno.test("the first page's new host becomes part of the site, a later one's does not", () => {
  const frontier = new Frontier(new URL("http://old.example/"), RULE);
  const start = frontier.take()!;
  assert.equal(frontier.arrivedAt(new URL("https://new.example/home"), start), "new");
  frontier.add(["https://new.example/a", "http://old.example/b"], 0);
  const next = frontier.take()!;
  assert.equal(next.url.href, "https://new.example/a");
  assert.equal(frontier.arrivedAt(new URL("https://third.example/"), next), "elsewhere");
  assert.equal(frontier.arrivedAt(new URL("https://new.example/home"), next), "known");
});

Deno.test("a page of a million links does not fill the memory", () => {
  const links = Array.from({ length: 50_000 }, (_, index) => `https://example.com/${index}`);
  assert.ok(followed("https://example.com/", links, { max_pages: 10 }).length <= 1_100);
});

Deno.test("pages that are not to be visited count once, unless another page leads there, up to a bound", () => {
  const frontier = new Frontier(new URL("https://example.com/"), { ...RULE, max_pages: 1 });
  frontier.refuse(["https://example.com/a?x=1&y=2", "http://www.example.com/a?y=2&x=1"], 0);
  frontier.refuse(["https://example.com/b", "https://elsewhere.example/"], 0);
  frontier.refuse(["https://example.com/too/deep"], RULE.depth);
  assert.equal(frontier.refused, 2);
  frontier.add(["https://example.com/b"], 0);
  assert.equal(frontier.refused, 1);
  const trap = Array.from({ length: 5_000 }, (_, number) => `https://example.com/${number}`);
  frontier.refuse(trap, 0);
  assert.equal(frontier.refused, frontier.keptMax - 1);
});
