import assert from "node:assert/strict";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { discardLogger } from "../observability/mod.ts";
import { jsonAnswer } from "./answer.ts";
import { type Asset, assetRoutes } from "./assets.ts";
import { encodingFor } from "./compression.ts";
import { type Route, startHttpServer } from "./server.ts";

const TEXT = "<!doctype html>".repeat(200);
const PAGE: Asset = {
  bytes: new TextEncoder().encode(TEXT),
  contentType: "text/html; charset=utf-8",
  etag: '"abc"',
};
const LIST = Array.from({ length: 500 }, (_, index) => ({ id: index }));
const ROUTES: Route[] = [
  ...assetRoutes(new Map([["index.html", PAGE], ["a/b.js", PAGE]])),
  { path: "/long", access: "open", handle: () => jsonAnswer(200, LIST) },
  { path: "/short", access: "open", handle: () => jsonAnswer(200, []) },
];

/** Without a client that undoes what was done to the bytes. */
async function asked(path: string, headers: Record<string, string> = {}) {
  const server = await startHttpServer({
    ...{ host: "127.0.0.1", port: 0, setting: "http_port", routes: ROUTES, log: discardLogger },
  });
  const { request } = await import("node:http");
  try {
    return await new Promise<
      { status: number; headers: Record<string, unknown>; body: Uint8Array }
    >(
      (resolve, reject) =>
        request(`${server.url}${path}`, { headers, agent: false }, (response) => {
          const parts: Uint8Array[] = [];
          response.on("data", (part) => parts.push(part));
          response.on("end", () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: new Uint8Array(parts.flatMap((part) => [...part])),
            }));
        }).on("error", reject).end(),
    );
  } finally {
    await server.stop();
  }
}

Deno.test("a file is served under its name, and the index as the root, with what keeps it harmless", async () => {
  for (const path of ["/", "/index.html", "/a/b.js"]) {
    const { status, headers, body } = await asked(path);
    assert.equal(status, 200);
    assert.equal(new TextDecoder().decode(body), TEXT);
    assert.equal(headers["content-encoding"], undefined, "nobody asked for that");
    assert.equal(headers.etag, '"abc"');
    assert.match(
      String(headers["content-security-policy"]),
      /^default-src 'self'; .*frame-ancestors 'none'$/,
    );
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["access-control-allow-origin"], undefined);
  }
});

Deno.test("a file is sent compressed, and not at all to whoever has it", async () => {
  const br = await asked("/", { "accept-encoding": "gzip, deflate, br" });
  assert.equal(br.headers["content-encoding"], "br");
  assert.equal(brotliDecompressSync(br.body).toString(), TEXT);
  const gzip = await asked("/", { "accept-encoding": "gzip" });
  assert.equal(gunzipSync(gzip.body).toString(), TEXT);
  const plain = await asked("/");
  assert.deepEqual([gzip, plain].map(({ headers }) => headers.vary), [
    "accept-encoding",
    "accept-encoding",
  ]);
  for (const etag of ['"abc"', 'W/"abc"', '"x", "abc"', "*"]) {
    const again = await asked("/", { "if-none-match": etag });
    assert.deepEqual([again.status, again.body.length], [304, 0]);
  }
  assert.equal((await asked("/", { "if-none-match": '"old"' })).status, 200);
});

Deno.test("long answers are compressed for whoever reads that, short ones never", async () => {
  const long = await asked("/long", { "accept-encoding": "gzip" });
  assert.equal(long.headers["content-encoding"], "gzip");
  assert.equal(long.headers["content-length"], String(long.body.length));
  assert.deepEqual(JSON.parse(gunzipSync(long.body).toString()), LIST);
  assert.equal((await asked("/long")).headers["content-encoding"], undefined);
  const short = await asked("/short", { "accept-encoding": "gzip" });
  assert.equal(short.headers["content-encoding"], undefined);
});

Deno.test("of the encodings that are taken, the best that there is is chosen", () => {
  const best = (header: string | undefined) => encodingFor(header, ["br", "gzip"]);
  const cases: [string | undefined, string | undefined][] = [
    [undefined, undefined],
    ["", undefined],
    ["identity", undefined],
    ["gzip, br", "br"],
    ["gzip;q=1.0, br;q=0", "gzip"],
    ["GZIP", "gzip"],
    ["*", "br"],
    ["*;q=0", undefined],
    ["br;q=0, *", "gzip"],
  ];
  for (const [header, expected] of cases) assert.equal(best(header), expected, `${header}`);
});
