import assert from "node:assert/strict";
import { PermanentJobError } from "../contract.ts";
import { FetchError, FetchStatusError } from "../fetch_error.ts";
import { parsePayload } from "../payload.ts";
import { testContext } from "../test_context.ts";
import { type Answer, serve, type TestServer } from "../test_server.ts";
import { http } from "./mod.ts";

/** Answers as its path asks; what it was sent comes back from `/echo`. */
const answer: Answer = async (request, response) => {
  const url = new URL(request.url ?? "/", "http://localhost");
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const status = Number(url.searchParams.get("status") ?? 200);
  if (url.pathname === "/echo") {
    response.setHeader("content-type", "application/json; charset=utf-8");
    response.setHeader("set-cookie", "session=secret");
    response.end(JSON.stringify({
      method: request.method,
      type: request.headers["content-type"],
      key: request.headers["x-key"],
      raw: request.rawHeaders,
      body: new TextDecoder().decode(concatenated(chunks)),
      deep: { "a/b": [1, { c: null }] },
    }));
  } else if (url.pathname === "/json") {
    response.setHeader("content-type", "application/json");
    response.end(
      url.searchParams.has("deep")
        ? "[".repeat(200_000) + "]".repeat(200_000)
        : `[${"{},".repeat(url.searchParams.has("long") ? 3_000_000 : 9_999)}{}]`,
    );
  } else if (url.pathname === "/id") {
    response.setHeader("content-type", "application/json");
    response.end('{"id":12345678901234567890,"kilo":1e3}');
  } else if (url.pathname === "/marked") {
    response.setHeader("content-type", "text/plain; charset=iso-8859-1");
    response.end(Uint8Array.of(0xff, 0xfe, 0x42, 0x00, 0xfc, 0x00));
  } else if (url.pathname === "/text") {
    response.setHeader("content-type", url.searchParams.get("type") ?? "");
    response.end(Uint8Array.fromHex(url.searchParams.get("hex") ?? ""));
  } else if (url.pathname === "/moved") {
    response.writeHead(302, { location: "/echo" }).end();
  } else if (url.pathname === "/bytes") {
    response.setHeader("content-type", "image/png");
    response.end(Uint8Array.of(0x89, 0x50, 0xff));
  } else {
    response.writeHead(status, { "retry-after": "7", "content-type": "text/plain" });
    response.end("not today");
  }
};

function concatenated(chunks: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
}

/** What of the result these tests look into. */
interface Result {
  readonly status: number;
  readonly url: string;
  readonly redirects: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body_kind: string;
  readonly body: { readonly [name: string]: unknown };
  readonly bytes: number;
}

async function asked(payload: unknown): Promise<Result> {
  const parsed = parsePayload(http, new TextEncoder().encode(JSON.stringify(payload)));
  if (!parsed.ok) throw new Error(parsed.message);
  return await http.run(parsed.payload, testContext()) as Result;
}

async function withServer(use: (server: TestServer) => Promise<void>): Promise<void> {
  await using server = await serve(answer);
  await use(server);
}

Deno.test("every method carries its headers and its body, whichever way that is written", () =>
  withServer(async ({ origin }) => {
    const url = `${origin}/echo`;
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      const { body } = await asked({ url, method, headers: { "x-key": "k" }, body: "plain" });
      assert.deepEqual([body.method, body.key, body.body], [method, "k", "plain"]);
    }
    const json = await asked({ url, method: "POST", json: { a: [1] } });
    assert.deepEqual([json.body.type, json.body.body], ["application/json", '{"a":[1]}']);
    const bytes = await asked({ url, method: "POST", body_base64: btoa("raw") });
    assert.equal(bytes.body.body, "raw");
    assert.equal((await asked({ url, method: "HEAD" })).body_kind, "none");
  }));

Deno.test("a text that nobody names the charset of is read in the one that it is in", () =>
  withServer(async ({ origin }) => {
    const bodyOf = async (type: string, hex: string) => {
      const query = new URLSearchParams({ type, hex });
      const { body, body_kind } = await asked({ url: `${origin}/text?${query}` });
      return [body_kind, body];
    };
    const hexOf = (text: string, ...bytes: number[]) =>
      new TextEncoder().encode(text).toHex() + Uint8Array.from(bytes).toHex();
    assert.deepEqual(await bodyOf("text/plain", hexOf("caf", 0xe9)), ["text", "café"]);
    assert.deepEqual(await bodyOf("text/plain", hexOf("naïve")), ["text", "naïve"]);
    const damaged = await bodyOf("text/plain", hexOf("naïve façade ", 0xff));
    assert.deepEqual(damaged, ["text", "naïve façade \ufffd"]);
    const unknown = await bodyOf("text/plain; charset=no-such", hexOf("caf", 0xe9));
    assert.deepEqual(unknown, ["text", "café"]);
    const meta = '<meta charset="windows-1251">';
    assert.deepEqual(await bodyOf("text/html", hexOf(meta, 0xcf, 0xf0)), ["text", `${meta}Пр`]);
    const xml = '<?xml version="1.0" encoding="windows-1251"?>';
    assert.deepEqual(await bodyOf("application/xml", hexOf(xml, 0xcf)), ["text", `${xml}П`]);
    const quoted = await bodyOf("text/plain; charset='koi8-r'", hexOf("", 0xf0));
    assert.deepEqual(quoted, ["text", "П"]);
    assert.deepEqual(await bodyOf("application/json", hexOf('"ü"')), ["json", "ü"]);
    assert.deepEqual(await bodyOf("", hexOf("", 0xe9)), ["base64", "6Q=="]);
  }));

Deno.test("a header is sent and expected whatever its name is", () =>
  withServer(async ({ origin }) => {
    const headers = JSON.parse('{"__proto__": "sent", "constructor": "too"}') as object;
    const { body } = await asked({ url: `${origin}/echo`, headers });
    const sent = body.raw as string[];
    for (const [name, value] of Object.entries(headers)) {
      assert.equal(sent[sent.indexOf(name) + 1], value, name);
    }
    const expected = { url: `${origin}/bytes`, expect: { headers } };
    await assert.rejects(
      asked(expected),
      /it has no header __proto__; it has no header constructor\./,
    );
    const pointers = JSON.parse('{"__proto__": 1}') as object;
    await assert.rejects(
      asked({ url: origin, expect: { json: pointers } }),
      /"__proto__" is no JSON Pointer/,
    );
  }));

Deno.test("the result says what came, from where, and keeps no cookie", () =>
  withServer(async ({ origin }) => {
    const result = await asked({ url: `${origin}/moved` });
    assert.deepEqual(
      [result.status, result.url, result.redirects, result.body_kind],
      [200, `${origin}/echo`, 1, "json"],
    );
    assert.equal(result.headers["content-type"], "application/json; charset=utf-8");
    assert.ok(!JSON.stringify(result).includes("secret"));
    const bytes = await asked({ url: `${origin}/bytes` });
    assert.deepEqual([bytes.body_kind, bytes.body, bytes.bytes], ["base64", "iVD/", 3]);
    const none = await asked({ url: `${origin}/echo`, response: "none" });
    assert.deepEqual([none.body_kind, "body" in none], ["none", false]);
    const moved = await asked({
      url: `${origin}/moved`,
      redirects_max: 0,
      expect: { status: [200, "3xx"] },
    });
    assert.equal(moved.status, 302);
  }));

Deno.test("an answer as expected completes, any other says all that is not", () =>
  withServer(async ({ origin }) => {
    const url = `${origin}/echo`;
    await asked({
      url,
      expect: {
        status: "200-204",
        headers: { "Content-Type": "json" },
        body_contains: ["deep", "GET"],
        json: { "/deep/a~1b/0": 1, "/deep/a~1b/1": { c: null } },
        max_ms: 60_000,
      },
    });
    const expect = {
      headers: { "x-missing": "", "content-type": "html" },
      body_contains: "absent",
      json: { "/method": "POST", "/none": 1 },
    };
    await assert.rejects(asked({ url, expect }), (error: Error) => {
      assert.ok(error instanceof FetchError);
      assert.match(
        error.message,
        /not as expected: it has no header x-missing; its header content-type does not hold "html"; its body does not hold "absent"; at \/method stands "GET", not "POST"; at \/none stands nothing, not 1\.$/,
      );
      return true;
    });
  }));

Deno.test("4xx is final, 5xx and 429 may pass, and say how long the server wants to be left alone", () =>
  withServer(async ({ origin }) => {
    for (const status of [400, 401, 403, 404, 422]) {
      await assert.rejects(asked({ url: `${origin}/?status=${status}` }), PermanentJobError);
    }
    for (const status of [408, 429, 500, 503]) {
      await assert.rejects(
        asked({ url: `${origin}/?status=${status}` }),
        (error: Error) =>
          error instanceof FetchStatusError && error.retryAfterMs === 7_000 &&
          error.message.includes('it said: "not today" (it asks to be left alone for 7 s)'),
      );
    }
    assert.equal(
      (await asked({ url: `${origin}/?status=404`, expect: { status: "4xx" } })).status,
      404,
    );
  }));

Deno.test("a payload's faults are named", async () => {
  const faults: readonly [unknown, RegExp][] = [
    [{ url: "https://x.test/", body: "a", json: 1, method: "POST" }, /give one of body, json/],
    [{ url: "https://x.test/", body: "a" }, /a GET request has no body/],
    [{ url: "https://x.test/", expect: { status: "6xx" } }, /2xx/],
    [{ url: "https://x.test/", expect: { json: { "no pointer": 1 } } }, /RFC 6901/],
    [{ url: "https://x.test/", methd: "POST" }, /did you mean method\?/],
  ];
  for (const [payload, message] of faults) await assert.rejects(asked(payload), message);
});

Deno.test("of a value that is other than expected so much is told as a message shows", () =>
  withServer(async ({ origin }) => {
    const url = `${origin}/json`;
    const other = (json: object) => asked({ url, expect: { json }, response: "none" });
    await assert.rejects(other({ "": [] }), /at its root stands a list of 10000, not \[\]\.$/);
    await assert.rejects(
      other({ "/0": "x".repeat(9_999) }),
      /at \/0 stands \{\}, not "x{199}…\.$/,
    );
  }));

Deno.test("no server holds a worker up by JSON: what is deep or long is text, and not expected", () =>
  withServer(async ({ origin }) => {
    const faults = { deep: /nested deeper than 100 levels/, long: /too long to be read as JSON/ };
    for (const [name, fault] of Object.entries(faults)) {
      const url = `${origin}/json?${name}`;
      assert.equal((await asked({ url })).body_kind, "text");
      await assert.rejects(asked({ url, response: "json" }), fault);
      const expect = { json: { "/0": {} } };
      await assert.rejects(asked({ url, expect, response: "none" }), fault);
    }
  }));

Deno.test("ids of 64 bits keep their digits: those that are sent, expected, and handed back", async () => {
  await using server = await serve(answer);
  const result = async (payload: string) => {
    const parsed = parsePayload(http, new TextEncoder().encode(payload));
    assert.ok(parsed.ok, payload);
    return JSON.stringify(await http.run(parsed.payload, testContext()));
  };
  const sent = `{"url":"${server.origin}/echo","method":"POST","json":{"id":9007199254740993}}`;
  assert.match(await result(sent), /"body":"{\\"id\\":9007199254740993}"/);
  const expecting = (id: string) =>
    `{"url":"${server.origin}/id","expect":{"json":{"/id":${id},"/kilo":1000}}}`;
  assert.match(await result(expecting("12345678901234567890")), /"id":12345678901234567890,/);
  await assert.rejects(
    result(expecting("12345678901234567891")),
    /at \/id stands 12345678901234567890, not 12345678901234567891/,
  );
  const within = `{"url":"${server.origin}/id","expect":{"json":{"/id/rawJSON":"1"}}}`;
  await assert.rejects(result(within), /stands nothing/);
});

Deno.test("a byte order mark says what a text is in, whatever the server says", async () => {
  await using server = await serve(answer);
  const { body } = await asked({ url: `${server.origin}/marked`, expect: { body_contains: "Bü" } });
  assert.equal(body, "Bü");
});
