import assert from "node:assert/strict";
import { parsePayload } from "../payload.ts";
import { webScraping } from "./mod.ts";

const parse = (payload: unknown) =>
  parsePayload(webScraping, new TextEncoder().encode(JSON.stringify(payload)));
const faultsOf = (payload: unknown) => {
  const parsed = parse(payload);
  return parsed.ok ? [] : parsed.faults;
};

Deno.test("the seed's payload and the example are accepted, with defaults for what is left out", () => {
  assert.equal(parse(webScraping.example).ok, true);
  assert.deepEqual(parse({ url: "example.com/page", crawl: {} }), {
    ok: true,
    payload: {
      url: "example.com/page",
      crawl: {
        depth: 1,
        max_pages: 50,
        same_site: true,
        delay_ms: 500,
        concurrency: 1,
        sitemap: false,
        include: [],
        exclude: [],
      },
      respect_robots: true,
      timeout_ms: 30_000,
      truncate: false,
      cookies: true,
      headers: {},
      follow_redirects: true,
    },
  });
});

Deno.test("every fault is named at once", () => {
  const faults = faultsOf({
    url: "ftp://x/",
    selectors: { a: { selector: "p", type: "txt" }, b: 3, c: { selector: "p", tpye: "text" } },
    crawl: { depth: -1, include: ["("] },
    timeout_ms: "3",
  });
  const expected = [
    /^url: The URL "ftp:\/\/x\/" has the scheme ftp; use http, https, data or file$/,
    /^selectors\.a\.type is "txt"; allowed: "text", "attribute"/,
    /^selectors\.b is 3; it must be a string or an object$/,
    /^selectors\.c has the unknown key "tpye" \(did you mean type\?\)/,
    /^crawl\.depth is -1; it must be at least 0$/,
    /^crawl\.include\[0\] is "\(": it is not a regular expression$/,
    /^timeout_ms is "3"; it must be a number$/,
  ];
  for (const pattern of expected) {
    assert.ok(faults.some((fault) => pattern.test(fault)), `${pattern} in ${faults.join("\n")}`);
  }
  assert.equal(faults.length, expected.length);
});

Deno.test("rules that contradict themselves are refused with what to write", () => {
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [{ selector: "a", type: "attribute" }, /needs the attribute's name/],
    [{ selector: "a", type: "object" }, /needs fields/],
    [{ selector: "a", attribute: "x", fields: { b: "c" } }, /fields or an attribute, not both/],
    [{ selector: "a", type: "text", fields: { b: "c" } }, /fields go with/],
    [{ selector: "a", type: "html", attribute: "x" }, /an attribute goes with/],
    [{}, /give a selector/],
    [{ selector: "a", fields: {} }, /names nothing to extract/],
  ];
  for (const [rule, pattern] of cases) {
    const faults = faultsOf({ url: "x.example", selectors: { r: rule } });
    assert.ok(faults.some((fault) => pattern.test(fault)), `${JSON.stringify(rule)}: ${faults}`);
  }
  assert.match(faultsOf({ url: "x.example", selectors: {} }).join(), /names nothing/);
});

/** As text, for an object literal with it would have another prototype and no such name. */
const payloadWith = (selectors: string) =>
  new TextEncoder().encode(`{"url":"x.example","selectors":${selectors}}`);

Deno.test("a value may be named __proto__, among selectors and in fields", () => {
  const texts = [
    '{"__proto__":"h1"}',
    '{"a":"p","__proto__":{"selector":"h2","fields":{"b":"i","__proto__":"b"}}}',
  ];
  for (const text of texts) {
    const parsed = parsePayload(webScraping, payloadWith(text));
    assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
    assert.equal(JSON.stringify(parsed.payload.selectors), text);
    assert.equal(Object.getPrototypeOf(parsed.payload.selectors), Object.prototype);
  }
});

Deno.test("what is named __proto__ is judged as every other value, and counts as one", () => {
  const faultsOfText = (text: string) => {
    const parsed = parsePayload(webScraping, payloadWith(text));
    return parsed.ok ? [] : parsed.faults;
  };
  assert.deepEqual(faultsOfText('{"__proto__":3}'), [
    "selectors.__proto__ is 3; it must be a string or an object",
  ]);
  assert.match(
    faultsOfText('{"a":{"selector":"p","fields":{"__proto__":{"selecter":"b"}}}}').join(),
    /^selectors\.a\.fields\.__proto__ has the unknown key "selecter" \(did you mean selector\?\)/,
  );
  const many = Array.from({ length: 500 }, (_, number) => `"v${number}":"p"`).join();
  assert.deepEqual(faultsOfText(`{${many}}`), []);
  assert.match(faultsOfText(`{${many},"__proto__":"p"}`).join(), /more than 500 values/);
});

Deno.test("fields nested without end are a fault, not a crash", () => {
  const depth = 200_000;
  const json = '{"url":"x.example","selectors":{"a":' +
    '{"selector":"a","fields":{"a":'.repeat(depth) +
    '"a"' + "}}".repeat(depth) + "}}";
  const parsed = parsePayload(webScraping, new TextEncoder().encode(json));
  assert.ok(!parsed.ok && /nested too deeply|not JSON/.test(parsed.message));
});
