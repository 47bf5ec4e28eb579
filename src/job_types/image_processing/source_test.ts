import assert from "node:assert/strict";
import { type GuardedFetch, InputTooLargeError, PermanentJobError } from "../contract.ts";
import { createGuardedFetch } from "../guarded_fetch.ts";
import { runPayload } from "./image_checks.ts";
import { makeBmp, makePng, quarters } from "./image_fixtures.ts";

const bmp = makeBmp(8, 4, quarters(8, 4));

/** The real one, as the development profile sets it up. */
const fetch = createGuardedFetch({
  privateAddresses: "allow",
  allowList: [],
  userAgent: "Conductor-Test",
});

/** Serves on a free loopback port while `use` runs. */
async function withServer(
  handler: (request: Request) => Response | Promise<Response>,
  use: (origin: string) => Promise<void>,
): Promise<void> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handler);
  try {
    await use(`http://127.0.0.1:${server.addr.port}`);
  } finally {
    await server.shutdown();
  }
}

Deno.test("an image is read by http, within the input's bound", async () => {
  await withServer(() => new Response(bmp.slice()), async (origin) => {
    const result = await runPayload({ url: `${origin}/photo` }, { fetch });
    assert.deepEqual([result.source.format, result.source.bytes], ["bmp", bmp.length]);
    const limits = { inputBytesMax: 100 };
    await assert.rejects(
      runPayload({ url: `${origin}/photo` }, { fetch, limits }),
      InputTooLargeError,
    );
  });
});

Deno.test("a bare host and path is asked for by https", async () => {
  const asked: string[] = [];
  const refusing: GuardedFetch = (url) => {
    asked.push(String(url));
    return Promise.reject(new Error("connection refused"));
  };
  await assert.rejects(runPayload({ url: "example.com/image.jpg" }, { fetch: refusing }), {
    message: "connection refused",
  });
  assert.deepEqual(asked, ["https://example.com/image.jpg"]);
});

Deno.test("a page that is not there is final, a server that fails may be asked again", async () => {
  await withServer((request) => {
    return new Response("no", { status: Number(new URL(request.url).pathname.slice(1)) });
  }, async (origin) => {
    for (
      const [status, isFinal] of [
        [404, true],
        [403, false],
        [410, true],
        [408, false],
        [429, false],
        [500, false],
        [503, false],
      ] as const
    ) {
      await assert.rejects(
        runPayload({ url: `${origin}/${status}?token=secret` }, { fetch }),
        (error: Error) => {
          assert.match(error.message, new RegExp(`answered with status ${status}`));
          assert.doesNotMatch(error.message, /secret/);
          return error instanceof PermanentJobError === isFinal;
        },
        String(status),
      );
    }
  });
});

Deno.test("a web page in place of an image is named", async () => {
  await withServer(() => new Response("<!doctype html><h1>Hi"), async (origin) => {
    await assert.rejects(runPayload({ url: origin }, { fetch }), {
      name: "PermanentJobError",
      message: /an HTML page/,
    });
  });
});

Deno.test("a data: URL holds the image itself", async () => {
  const url = `data:image/bmp;base64,${bmp.toBase64()}`;
  assert.equal((await runPayload({ url }, {})).source.width, 8);
  await assert.rejects(runPayload({ url }, { limits: { inputBytesMax: 50 } }), InputTooLargeError);
});

Deno.test("an image is what its bytes say, whatever its name and its type", async () => {
  const png = makePng(8, 4, quarters(8, 4)).toBase64();
  const url = `data:image/jpeg;name=photo.gif;base64,${png}`;
  const { source, output } = await runPayload({ url, output: {} }, {});
  assert.deepEqual([source.format, output?.format], ["png", "png"]);
  await assert.rejects(runPayload({ url, format: "jpeg" }, {}), {
    name: "PermanentJobError",
    message: "The payload says that the image is jpeg, but the source holds png.",
  });
});

Deno.test("a file is read where the worker allows, and nowhere else", async () => {
  const directory = await Deno.realPath(await Deno.makeTempDir({ prefix: "conductor-source-" }));
  try {
    const path = `${directory}/photo.bmp`;
    await Deno.writeFile(path, bmp);
    const files = { readRoots: [directory] };
    assert.equal((await runPayload({ url: `file://${path}` }, { files })).source.width, 8);
    await assert.rejects(
      runPayload({ url: `file://${path}` }, { files, limits: { inputBytesMax: 50 } }),
      InputTooLargeError,
    );
    await assert.rejects(runPayload({ url: `file://${path}` }, {}), PermanentJobError);
    await assert.rejects(runPayload({ url: "file:///etc/passwd" }, { files }), PermanentJobError);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("inline data takes both alphabets and line breaks", async () => {
  const data = bmp.toBase64().replaceAll("+", "-").replaceAll("/", "_").replace(/.{70}/g, "$&\n");
  assert.equal((await runPayload({ data }, {})).source.width, 8);
  await assert.rejects(runPayload({ data: "QUJD=" }, {}), {
    name: "PermanentJobError",
    message: "The payload's data is not valid base64.",
  });
});

Deno.test("the output is put to a URL with its type, and the result has no bytes of it", async () => {
  const received: { method: string; type: string | null; bytes: Uint8Array }[] = [];
  await withServer(async (request) => {
    const bytes = new Uint8Array(await request.arrayBuffer());
    received.push({ method: request.method, type: request.headers.get("content-type"), bytes });
    return new Response(null, { status: 201 });
  }, async (origin) => {
    const result = await runPayload({
      data: bmp.toBase64(),
      operations: [{ type: "resize", width: 4 }],
      destination: `${origin}/bucket/small.webp?signature=secret`,
    }, { fetch });
    const [put] = received;
    assert.ok(put);
    assert.deepEqual([put.method, put.type], ["PUT", "image/webp"]);
    assert.deepEqual(result.output, {
      format: "webp",
      content_type: "image/webp",
      width: 4,
      height: 2,
      bytes: put.bytes.length,
      destination: `${origin}/bucket/small.webp?…`,
    });
  });
});

Deno.test("a destination that refuses fails the job, for good or for now", async () => {
  let status = 404;
  await withServer(() => new Response(null, { status }), async (origin) => {
    const payload = { data: bmp.toBase64(), destination: `${origin}/x.png` };
    await assert.rejects(runPayload(payload, { fetch }), PermanentJobError);
    status = 503;
    await assert.rejects(
      runPayload(payload, { fetch }),
      (error) => !(error instanceof PermanentJobError),
    );
  });
});

Deno.test("the output is written to a file where the worker allows", async () => {
  const directory = await Deno.realPath(await Deno.makeTempDir({ prefix: "conductor-source-" }));
  try {
    const payload = { data: bmp.toBase64(), destination: `${directory}/out/photo.jpg` };
    const result = await runPayload(payload, { files: { writeRoots: [directory] } });
    assert.equal(result.output?.destination, `${directory}/out/photo.jpg`);
    const written = await Deno.readFile(`${directory}/out/photo.jpg`);
    assert.equal(written.length, result.output?.bytes);
    assert.deepEqual([...written.subarray(0, 3)], [0xff, 0xd8, 0xff]);
    // Refused before the source is looked at.
    await assert.rejects(runPayload({ url: "example.com/x", destination: "/etc/photo.jpg" }, {}), {
      message: /lets jobs write none/,
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
