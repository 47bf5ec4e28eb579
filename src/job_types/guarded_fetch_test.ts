import assert from "node:assert/strict";
import { AddressRefusedError, type GuardedFetchOptions } from "./contract.ts";
import {
  createGuardedFetch,
  FetchError,
  type FetchPolicy,
  FetchTimeoutError,
} from "./guarded_fetch.ts";
import { OPEN_POLICY, serve, serveRaw, serveTls } from "./test_server.ts";

const STRICT: FetchPolicy = { ...OPEN_POLICY, privateAddresses: "refuse" };

/** Every name leads to `addresses`; nothing is asked of the machine's own DNS. */
const everyNameIs = (...addresses: string[]) => () => Promise.resolve(addresses);

const textOf = async (body: { bytes(): Promise<Uint8Array> }) =>
  new TextDecoder().decode(await body.bytes());

// --- what is reached -------------------------------------------------------------------------

Deno.test("a page is fetched with its status, headers and final URL", async () => {
  await using server = await serve((request, response) => {
    response.setHeader("x-agent", request.headers["user-agent"] ?? "");
    response.setHeader("x-host", request.headers.host ?? "");
    response.end("hello");
  });
  const fetch = createGuardedFetch(OPEN_POLICY);
  const response = await fetch(`${server.origin}/page?x=1#part`);
  assert.equal(response.status, 200);
  assert.equal(response.headers["x-agent"], "Conductor-Test");
  assert.equal(response.headers["x-host"], `127.0.0.1:${server.port}`);
  assert.equal(response.url, `${server.origin}/page?x=1`);
  assert.equal(await textOf(response), "hello");
  assert.deepEqual(server.requests, ["GET /page?x=1"]);
});

Deno.test("the connection goes to the address that was checked, with the URL's name as host", async () => {
  await using server = await serve((request, response) => response.end(request.headers.host));
  // The name is not in any DNS: only the pinned address can have led here.
  const fetch = createGuardedFetch(OPEN_POLICY, everyNameIs("127.0.0.1"));
  const response = await fetch(`http://pinned.invalid:${server.port}/`);
  assert.equal(await textOf(response), `pinned.invalid:${server.port}`);
});

Deno.test("a name is looked up once a request, so it cannot change between check and use", async () => {
  await using server = await serve((_, response) => response.end("ok"));
  const answers = [["127.0.0.1"], ["10.0.0.1"]];
  let lookups = 0;
  const policy: FetchPolicy = { ...STRICT, allowList: ["127.0.0.1"] };
  const fetch = createGuardedFetch(policy, () => Promise.resolve(answers[lookups++] ?? []));
  assert.equal(await textOf(await fetch(`http://rebind.invalid:${server.port}/`)), "ok");
  assert.equal(lookups, 1);
  await assert.rejects(fetch(`http://rebind.invalid:${server.port}/`), AddressRefusedError);
});

Deno.test("a server that does not speak TLS is said not to", async () => {
  await using server = await serve((_, response) => response.end());
  const url = server.origin.replace("http:", "https:");
  await assert.rejects(createGuardedFetch(OPEN_POLICY)(url), (error: Error) => {
    assert.equal(
      error.message,
      `Fetching ${url}/ failed: its server does not speak TLS there (is it http://?).`,
    );
    return true;
  });
});

Deno.test("TLS verifies the URL's name although the connection goes to an address", async () => {
  await using server = await serveTls("good.test", (_, response) => response.end("secret"));
  const policy = { ...OPEN_POLICY, certificateAuthorities: [server.certificate] };
  const trusting = createGuardedFetch(policy, everyNameIs("127.0.0.1"));
  assert.equal(await textOf(await trusting(`https://good.test:${server.port}/`)), "secret");
  assert.equal(await textOf(await trusting(`https://good.test.:${server.port}/`)), "secret");
  await assert.rejects(
    trusting(`https://bad.test:${server.port}/`),
    (error: Error) =>
      error instanceof FetchError && /certificate is for another host/.test(error.message),
  );
  await assert.rejects(trusting(`https://127.0.0.1:${server.port}/`), FetchError);
  const plain = createGuardedFetch(OPEN_POLICY, everyNameIs("127.0.0.1"));
  await assert.rejects(
    plain(`https://good.test:${server.port}/`),
    (error: Error) => error instanceof FetchError && /signed by nobody known/.test(error.message),
  );
  assert.equal(server.requests.length, 2);
});

Deno.test("when one address does not answer, the next is tried", async () => {
  await using server = await serve((_, response) => response.end("second"));
  const fetch = createGuardedFetch(OPEN_POLICY, everyNameIs("127.0.0.2", "127.0.0.1"));
  assert.equal(await textOf(await fetch(`http://two.invalid:${server.port}/`)), "second");
});

Deno.test("a proxy of the environment is not asked", async () => {
  await using server = await serve((_, response) => response.end("direct"));
  Deno.env.set("HTTP_PROXY", "http://127.0.0.1:9");
  Deno.env.set("NODE_USE_ENV_PROXY", "1");
  try {
    const fetch = createGuardedFetch(OPEN_POLICY);
    assert.equal(await textOf(await fetch(server.origin)), "direct");
  } finally {
    Deno.env.delete("HTTP_PROXY");
    Deno.env.delete("NODE_USE_ENV_PROXY");
  }
});

Deno.test("every method that may have one carries a body with its length; HEAD brings none", async () => {
  await using server = await serve(async (request, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = new TextDecoder().decode(new Uint8Array(chunks.flatMap((chunk) => [...chunk])));
    response.setHeader("x-length", request.headers["content-length"] ?? "none");
    response.end(`${request.method} ${body}`);
  });
  const fetch = createGuardedFetch(OPEN_POLICY);
  const put = await fetch(server.origin, { method: "PUT", body: new Uint8Array([104, 105]) });
  assert.equal(put.headers["x-length"], "2");
  assert.equal(await textOf(put), "PUT hi");
  assert.equal(await textOf(await fetch(server.origin, { method: "POST", body: "é" })), "POST é");
  for (const method of ["PATCH", "DELETE"] as const) {
    assert.equal(await textOf(await fetch(server.origin, { method, body: "b" })), `${method} b`);
  }
  assert.equal(await textOf(await fetch(server.origin, { method: "DELETE" })), "DELETE ");
  const head = await fetch(server.origin, { method: "HEAD" });
  assert.equal(head.status, 200);
  assert.equal((await head.bytes()).length, 0);
});

// --- redirects -------------------------------------------------------------------------------

Deno.test("redirects are followed to the end, relative ones too", async () => {
  await using server = await serve((request, response) => {
    const next: Record<string, string> = { "/": "/a/b", "/a/b": "../c?d=1", "/c?d=1": "/%C3%A9nd" };
    const location = next[request.url ?? ""];
    if (location === undefined) response.end("end");
    else response.writeHead(302, { location }).end("moved");
  });
  const response = await createGuardedFetch(OPEN_POLICY)(server.origin);
  assert.equal(response.url, `${server.origin}/%C3%A9nd`);
  assert.equal(await textOf(response), "end");
});

Deno.test("a circle of redirects is seen, an endless chain is cut", async () => {
  await using circle = await serve((request, response) =>
    response.writeHead(302, { location: request.url === "/a" ? "/b" : "/a" }).end()
  );
  await assert.rejects(createGuardedFetch(OPEN_POLICY)(`${circle.origin}/a`), /in a circle/);
  await using chain = await serve((request, response) =>
    response.writeHead(302, { location: `${request.url}x` }).end()
  );
  await assert.rejects(
    createGuardedFetch(OPEN_POLICY)(chain.origin, { redirectsMax: 3 }),
    /redirected more than 3 times/,
  );
  assert.equal(chain.requests.length, 4);
});

Deno.test("with no redirects wanted, the redirect is the answer", async () => {
  await using server = await serve((_, response) =>
    response.writeHead(302, { location: "/x" }).end()
  );
  const response = await createGuardedFetch(OPEN_POLICY)(server.origin, { redirectsMax: 0 });
  assert.equal(response.status, 302);
  assert.equal(response.headers.location, "/x");
  await response.body.cancel();
});

Deno.test("what may be a key stays within its origin", async () => {
  const seen: Record<string, unknown>[] = [];
  await using other = await serve((request, response) => {
    seen.push(request.headers);
    response.end();
  });
  await using server = await serve((request, response) => {
    seen.push(request.headers);
    const location = request.url === "/" ? "/same" : `${other.origin}/`;
    response.writeHead(307, { location }).end();
  });
  const headers = {
    Authorization: "Bearer t",
    Cookie: "a=b",
    "X-Api-Key": "k",
    "Accept-Language": "de",
  };
  await (await createGuardedFetch(OPEN_POLICY)(server.origin, { headers })).body.cancel();
  assert.deepEqual(
    seen.map((each) => [each.authorization, each.cookie, each["x-api-key"]]),
    [["Bearer t", "a=b", "k"], ["Bearer t", "a=b", "k"], [undefined, undefined, undefined]],
  );
  assert.deepEqual(seen.map((each) => each["accept-language"]), ["de", "de", "de"]);
});

Deno.test("cookies are asked for and kept at every step, beside those of the request itself", async () => {
  const sent: (string | undefined)[] = [];
  await using server = await serve((request, response) => {
    sent.push(request.headers.cookie);
    if (sent.length > 2) return void response.end("in");
    // Sent back to itself, as sites do that first want to see their cookie again.
    response.setHeader("set-cookie", ["a=1; Path=/", `n=${sent.length}`]);
    response.writeHead(302, { location: "/" }).end();
  });
  const kept: string[] = [];
  const cookies = {
    headerFor: (url: URL) => url.origin === server.origin ? kept.join("; ") : "",
    keep: (_: URL, setCookies: readonly string[]) => void kept.push(...setCookies),
  };
  const response = await createGuardedFetch(OPEN_POLICY)(server.origin, {
    cookies,
    headers: { cookie: "own=x" },
  });
  assert.equal(await textOf(response), "in");
  assert.deepEqual(sent, [
    "own=x",
    "own=x; a=1; Path=/; n=1",
    "own=x; a=1; Path=/; n=1; a=1; Path=/; n=2",
  ]);
});

Deno.test("303 turns a POST into a GET without body, 307 keeps it", async () => {
  for (const [status, expected] of [[303, "GET:"], [302, "GET:"], [307, "POST:x"]] as const) {
    await using server = await serve(async (request, response) => {
      if (request.url === "/") return void response.writeHead(status, { location: "/to" }).end();
      let body = "";
      for await (const chunk of request) body += chunk;
      response.end(`${request.method}:${body}`);
    });
    const options = {
      method: "POST",
      body: "x",
      headers: { "content-type": "text/plain" },
    } as const;
    const response = await createGuardedFetch(OPEN_POLICY)(server.origin, options);
    assert.equal(await textOf(response), expected);
  }
});

// --- time and cancellation -------------------------------------------------------------------

Deno.test("the time limit covers the look-up, the headers and the body, and says where it was", async () => {
  await using silent = await serve(() => {/* never answers */});
  await using slow = await serve((_, response) => {
    response.write("first");
  });
  const never = createGuardedFetch(OPEN_POLICY, () => new Promise(() => {}));
  const timeoutMs = 60;
  await assert.rejects(
    never("http://lost.invalid/", { timeoutMs }),
    (error: Error) =>
      error instanceof FetchTimeoutError && /looking up its host/.test(error.message),
  );
  const fetch = createGuardedFetch(OPEN_POLICY);
  await assert.rejects(fetch(silent.origin, { timeoutMs }), /60 ms; it was waiting for the answer/);
  const response = await fetch(slow.origin, { timeoutMs: 1_000 });
  await assert.rejects(response.bytes(), /reading its body \(5 bytes so far\)/);
});

Deno.test("the time limits for connecting and for the answer to begin are told from the whole", async () => {
  const fetch = createGuardedFetch(OPEN_POLICY);
  const limitOf = async (url: string, options: GuardedFetchOptions) => {
    try {
      await (await fetch(url, options)).bytes();
      return "none";
    } catch (error) {
      assert.ok(error instanceof FetchTimeoutError, String(error));
      return error.limit;
    }
  };
  await using silent = await serve(() => {/* never answers */});
  await using slow = await serve((_, response) => void response.write("first"));
  // Accepts a connection and never shakes hands.
  await using mute = await serveRaw("", false);
  const deaf = mute.origin.replace("http:", "https:");
  assert.equal(await limitOf(deaf, { connectTimeoutMs: 50 }), "connect");
  assert.equal(await limitOf(silent.origin, { firstByteTimeoutMs: 50 }), "first_byte");
  assert.equal(await limitOf(slow.origin, { firstByteTimeoutMs: 20_000, timeoutMs: 600 }), "whole");
  await using quick = await serve((_, response) => response.end("ok"));
  assert.equal(await limitOf(quick.origin, { firstByteTimeoutMs: 10_000 }), "none");
});

Deno.test("cancellation ends a fetch in every phase, with the caller's reason", async () => {
  const reason = new Error("the job was cancelled");
  const reject = (promise: Promise<unknown>) =>
    assert.rejects(promise, (error) => error === reason);

  const lookedUp = Promise.withResolvers<void>();
  const never = createGuardedFetch(OPEN_POLICY, () => {
    lookedUp.resolve();
    return new Promise(() => {});
  });
  const first = new AbortController();
  const looking = reject(never("http://lost.invalid/", { signal: first.signal }));
  await lookedUp.promise;
  first.abort(reason);
  await looking;

  const asked = Promise.withResolvers<void>();
  await using silent = await serve(() => asked.resolve());
  const second = new AbortController();
  const fetch = createGuardedFetch(OPEN_POLICY);
  const waiting = reject(fetch(silent.origin, { signal: second.signal }));
  await asked.promise;
  second.abort(reason);
  await waiting;

  await reject(fetch(silent.origin, { signal: AbortSignal.abort(reason) }));
});

Deno.test("cancellation in the middle of a body ends the read at once and closes the connection", async () => {
  const closed = Promise.withResolvers<void>();
  await using server = await serve((_, response) => {
    response.on("close", closed.resolve);
    response.write("x".repeat(1000));
  });
  const controller = new AbortController();
  const response = await createGuardedFetch(OPEN_POLICY)(server.origin, {
    signal: controller.signal,
  });
  const reader = response.body.getReader();
  assert.equal((await reader.read()).value?.length, 1000);
  const next = reader.read();
  const reason = new Error("the job was cancelled");
  controller.abort(reason);
  await assert.rejects(next, (error) => error === reason);
  await closed.promise;
});

Deno.test("a body that is no longer wanted closes its connection", async () => {
  const closed = Promise.withResolvers<void>();
  await using server = await serve((_, response) => {
    response.on("close", closed.resolve);
    response.write("x");
  });
  const response = await createGuardedFetch(OPEN_POLICY)(server.origin);
  await response.body.cancel();
  await closed.promise;
});

Deno.test("a slow reader slows the sender", async () => {
  let sent = 0;
  const stalled = Promise.withResolvers<void>();
  await using server = await serve((_, response) => {
    const chunk = new Uint8Array(1 << 20);
    const more = () => {
      while (sent < 200) {
        sent++;
        if (!response.write(chunk)) {
          response.once("drain", more);
          return stalled.resolve();
        }
      }
      response.end();
    };
    more();
  });
  const response = await createGuardedFetch(OPEN_POLICY)(server.origin, { bodyBytesMax: 1 << 30 });
  const reader = response.body.getReader();
  await reader.read();
  await stalled.promise;
  // A second request takes its turn on the same event loop, and by then the first would be done.
  await using other = await serve((_, answer) => answer.end("ok"));
  await (await createGuardedFetch(OPEN_POLICY)(other.origin)).bytes();
  assert.ok(sent < 100, `${sent} MiB were taken from the sender though nobody reads`);
  await reader.cancel();
});
