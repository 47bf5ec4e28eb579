import assert from "node:assert/strict";
import {
  brotliCompressSync,
  constants,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import { InputTooLargeError, PermanentJobError } from "./contract.ts";
import { createGuardedFetch, FetchError } from "./guarded_fetch.ts";
import { OPEN_POLICY, serve, serveRaw } from "./test_server.ts";

const textOf = async (body: { bytes(): Promise<Uint8Array> }) =>
  new TextDecoder().decode(await body.bytes());

/** As pzstd writes it: a frame for each part, and between them what is not for the decoder. */
function severalFrames(plain: Uint8Array): Uint8Array {
  const skippable = [0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
  const parts = [plain.subarray(0, 7), plain.subarray(7, 50_000), plain.subarray(50_000)];
  const checked = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };
  const frames = parts.map((part) => zstdCompressSync(part, checked));
  return new Uint8Array(frames.flatMap((frame) => [...skippable, ...frame]));
}

Deno.test("gzip, both kinds of deflate, brotli, zstd and stacked codings are decoded", async () => {
  const text = "straße ".repeat(10_000);
  const plain = new TextEncoder().encode(text);
  const codings: readonly (readonly [string, Uint8Array])[] = [
    ["gzip", gzipSync(plain)],
    ["x-gzip", gzipSync(plain)],
    ["deflate", deflateSync(plain)],
    ["deflate", deflateRawSync(plain)],
    ["br", brotliCompressSync(plain)],
    ["zstd", zstdCompressSync(plain)],
    ["zstd", severalFrames(plain)],
    ["identity", plain],
    ["gzip, br", brotliCompressSync(gzipSync(plain))],
  ];
  for (const [coding, body] of codings) {
    await using server = await serve((_, response) => {
      response.writeHead(200, { "content-encoding": coding }).end(body);
    });
    const response = await createGuardedFetch(OPEN_POLICY)(server.origin);
    assert.equal(await textOf(response), text, coding);
  }
});

Deno.test("an empty body under a content-coding is empty", async () => {
  await using server = await serve((_, response) => {
    response.writeHead(200, { "content-encoding": "gzip" }).end();
  });
  assert.equal((await (await createGuardedFetch(OPEN_POLICY)(server.origin)).bytes()).length, 0);
});

Deno.test("a gzip, brotli or zstd bomb ends at the bound of decoded bytes", async () => {
  const zeros = new Uint8Array(8 * 1024 * 1024);
  for (
    const [coding, bomb] of [
      ["gzip", gzipSync(zeros)],
      ["br", brotliCompressSync(zeros)],
      ["zstd", zstdCompressSync(zeros)],
      ["gzip, gzip", gzipSync(gzipSync(zeros))],
    ] as const
  ) {
    await using server = await serve((_, response) => {
      response.writeHead(200, { "content-encoding": coding }).end(bomb);
    });
    const response = await createGuardedFetch(OPEN_POLICY)(server.origin, {
      bodyBytesMax: 100_000,
    });
    let count = 0;
    await assert.rejects(async () => {
      for await (const chunk of response.body) count += chunk.length;
    }, (error: Error) => error instanceof InputTooLargeError && /100000 bytes/.test(error.message));
    assert.ok(count <= 100_000, `${count} bytes were let through`);
  }
});

Deno.test("a zstd body that asks for a window of more than 8 MiB is refused, whatever its size", async () => {
  const wide = zstdCompressSync(new Uint8Array(20 << 20), {
    params: { [constants.ZSTD_c_windowLog]: 24 },
  });
  await using server = await serve((_, response) => {
    response.writeHead(200, { "content-encoding": "zstd" }).end(wide);
  });
  const response = await createGuardedFetch(OPEN_POLICY)(server.origin);
  await assert.rejects(response.bytes(), FetchError);
});

Deno.test("a body that says it is too long is refused before it is read", async () => {
  await using server = await serve((_, response) => {
    response.writeHead(200, { "content-length": "1000000" }).write("x");
  });
  const response = await createGuardedFetch(OPEN_POLICY)(server.origin, { bodyBytesMax: 1000 });
  await assert.rejects(response.bytes(), InputTooLargeError);
});

Deno.test("a body of exactly the bound passes, with one byte more it does not", async () => {
  await using server = await serve((_, response) => response.end("x".repeat(1000)));
  const fetch = createGuardedFetch(OPEN_POLICY);
  assert.equal((await (await fetch(server.origin, { bodyBytesMax: 1000 })).bytes()).length, 1000);
  await assert.rejects(
    (await fetch(server.origin, { bodyBytesMax: 999 })).bytes(),
    InputTooLargeError,
  );
});

function encodedAs(coding: string, body: Uint8Array): Uint8Array {
  const head = new TextEncoder().encode(`HTTP/1.1 200 OK\r\nContent-Encoding: ${coding}\r\n\r\n`);
  return new Uint8Array([...head, ...body]);
}

Deno.test("a body cut short is a failure that may pass, in each way of framing", async () => {
  const cut = gzipSync(new TextEncoder().encode("x".repeat(1000))).subarray(0, 20);
  const brotli = brotliCompressSync(new TextEncoder().encode("a text of some length".repeat(20)));
  const zstdOfOne = zstdCompressSync(new TextEncoder().encode("a text of some length"));
  const zstdOfTwo = new Uint8Array([...zstdOfOne, ...zstdOfOne]);
  const answers: Readonly<Record<string, string | Uint8Array>> = {
    "short of its length": "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
    "chunked without end": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
    "gzip cut": encodedAs("gzip", cut),
    "brotli cut": encodedAs("br", brotli.subarray(0, brotli.length - 1)),
    "zstd cut": encodedAs("zstd", zstdOfTwo.subarray(0, zstdOfTwo.length - 1)),
    "zstd cut in its last frame": encodedAs("zstd", zstdOfTwo.subarray(0, zstdOfOne.length + 6)),
    "zstd, and then something else": encodedAs("zstd", new Uint8Array([...zstdOfOne, 1, 2, 3, 4])),
    "no zstd at all": encodedAs("zstd", new TextEncoder().encode("plain text")),
    "no gzip at all": "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nplain text",
    "no brotli at all": "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\nplain text, rather long",
    "nor here": "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\nnot brotli",
    "nor markup": "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n<html>hello</html>",
  };
  for (const [name, answer] of Object.entries(answers)) {
    await using server = await serveRaw(answer);
    const response = await createGuardedFetch(OPEN_POLICY)(server.origin);
    await assert.rejects(
      response.bytes(),
      (error: Error) =>
        error instanceof FetchError && error.message.includes(server.origin) &&
        !/ERR_|failed: Z/.test(error.message),
      name,
    );
  }
});

Deno.test("a brotli body is whole with its last byte, and cut short without, however it comes", async () => {
  const plain = Uint8Array.from({ length: 200_000 }, (_, at) => (at * 2_654_435_761) >>> 13);
  const whole = brotliCompressSync(plain);
  const tiny = brotliCompressSync(new TextEncoder().encode("a"));
  const read = async (bytes: Uint8Array, pieceBytes: number) => {
    await using server = await serve((_, response) => {
      response.writeHead(200, { "content-encoding": "br" });
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        response.write(bytes.subarray(at, at + pieceBytes));
      }
      response.end();
    });
    return await (await createGuardedFetch(OPEN_POLICY)(server.origin)).bytes();
  };
  for (const pieceBytes of [7, 1_000_000]) {
    assert.deepEqual(await read(whole, pieceBytes), plain);
    assert.equal((await read(tiny, pieceBytes)).length, 1);
    for (const cut of [whole.subarray(0, -1), whole.subarray(0, -8), tiny.subarray(0, -1)]) {
      await assert.rejects(
        read(cut, pieceBytes),
        (error: Error) => error instanceof FetchError && /cut short|damaged/.test(error.message),
      );
    }
  }
});

Deno.test("answers that are no HTTP, contradict themselves or are missing are failures that may pass", async () => {
  const answers: Readonly<Record<string, string>> = {
    "not HTTP": "220 smtp ready\r\n",
    "nothing": "",
    "another protocol": "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nx",
    "length and chunks":
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a huge header": `HTTP/1.1 200 OK\r\nX: ${"a".repeat(200_000)}\r\n\r\n`,
    "a coding nobody asked for": "HTTP/1.1 200 OK\r\nContent-Encoding: exi\r\n\r\nx",
    "codings without end": "HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip, gzip\r\n\r\nx",
  };
  for (const [name, answer] of Object.entries(answers)) {
    await using server = await serveRaw(answer);
    await assert.rejects(
      createGuardedFetch(OPEN_POLICY)(server.origin),
      (error: Error) => error instanceof FetchError && error.message.includes(server.origin),
      name,
    );
  }
});

Deno.test("a refused connection and an unknown name say so", async () => {
  const { port } = await (async () => {
    await using server = await serve((_, response) => response.end());
    return server;
  })();
  await assert.rejects(
    createGuardedFetch(OPEN_POLICY)(`http://127.0.0.1:${port}/x?secret=1`),
    (error: Error) => {
      assert.ok(error instanceof FetchError && !(error instanceof PermanentJobError));
      assert.equal(
        error.message,
        `Fetching http://127.0.0.1:${port}/x?… failed: the connection was refused.`,
      );
      return true;
    },
  );
  const notFound = () => Promise.reject(Object.assign(new Error("x"), { code: "ENOTFOUND" }));
  await assert.rejects(
    createGuardedFetch(OPEN_POLICY, notFound)("http://nowhere.invalid/"),
    /its host has no address/,
  );
});
