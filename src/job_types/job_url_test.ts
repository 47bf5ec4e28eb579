import assert from "node:assert/strict";
import { PermanentJobError } from "./contract.ts";
import { describeUrl, parseJobUrl } from "./job_url.ts";
import { jobUrl } from "./job_url_schema.ts";

Deno.test("a URL is read as it is, and a bare host and path mean https", () => {
  const cases: Readonly<Record<string, string>> = {
    "https://example.com/a?b=c#d": "https://example.com/a?b=c#d",
    "http://example.com": "http://example.com/",
    "example.com/image.jpg": "https://example.com/image.jpg",
    "example.com": "https://example.com/",
    " example.com ": "https://example.com/",
    "example.com:8443/x": "https://example.com:8443/x",
    "localhost:8080": "https://localhost:8080/",
    "localhost:8080?x": "https://localhost:8080/?x",
    "//example.com/x": "https://example.com/x",
    "[::1]:8080/x": "https://[::1]:8080/x",
    "bücher.example/x": "https://xn--bcher-kva.example/x",
    "file:///data/table.csv": "file:///data/table.csv",
    "data:text/plain,hi": "data:text/plain,hi",
    "HTTPS://EXAMPLE.com/A": "https://example.com/A",
  };
  for (const [written, href] of Object.entries(cases)) {
    assert.equal(parseJobUrl(written).href, href, written);
  }
});

Deno.test("what cannot be a job's URL is refused with advice, once and for all", () => {
  const cases: readonly (readonly [written: string, advice: RegExp])[] = [
    ["", /empty/],
    ["   ", /empty/],
    ["ftp://example.com/x", /scheme ftp; use http, https, data or file/],
    ["javascript:alert(1)", /scheme javascript/],
    ["mailto:a@b.c", /scheme mailto/],
    ["/photos/a.jpg", /write it such as file:\/\/\/photos\/a\.jpg/],
    ["...", /"\.\.\." is not a URL; write it such as https:/],
    ["./table.csv", /file:\/\/\//],
    ["~/table.csv", /file:\/\/\//],
    ["C:\\table.csv", /file:\/\/\//],
    ["http://", /not a URL/],
    ["http://exa mple.com/", /not a URL/],
    ["http://example.com:99999/", /not a URL/],
    ["https://u:p@example.com/", /authorization header/],
    ["u@example.com/x", /authorization header/],
    ["http://example.com/\r\nx", /line break/],
  ];
  for (const [written, advice] of cases) {
    assert.throws(() => parseJobUrl(written), (error: Error) => {
      assert.match(error.message, advice, written);
      return error instanceof PermanentJobError;
    });
  }
});

Deno.test("a schema's fault is the parser's own message", () => {
  assert.equal(jobUrl.safeParse("example.com/x").success, true);
  assert.match(jobUrl.safeParse("ftp://x/").error?.issues[0]?.message ?? "", /scheme ftp/);
});

Deno.test("messages show no query, fragment, name or password, nor endless text", () => {
  assert.equal(describeUrl("https://u:p@h/a?sig=secret#x"), "https://h/a?…");
  assert.ok(describeUrl(`https://h/${"a".repeat(10_000)}`).length < 300);
  assert.ok(describeUrl(`data:text/plain,${"a".repeat(10_000)}`).length < 50);
});
