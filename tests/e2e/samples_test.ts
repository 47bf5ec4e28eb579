import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { serveDirectory, type Site } from "../../scripts/demo/site.ts";
import { type Host, onHost } from "./support.ts";

const SAMPLES = fileURLToPath(new URL("../../scripts/samples", import.meta.url));

/** A master, a worker that may write below the host's directory, and the samples over HTTP. */
function withSamples(test: (host: Host, site: Site) => Promise<void>): Promise<void> {
  return onHost(async (host) => {
    const site = serveDirectory(SAMPLES);
    try {
      await host.startMaster();
      host.startWorker("w1", `--set=jobs.file_write_roots=${host.directory}`);
      await test(host, site);
    } finally {
      await site.stop();
    }
  });
}

/** Width, height and colour type, as the header of the file itself has them. */
function pngHeader(bytes: Uint8Array): { width: number; height: number; colorType: number } {
  assert.deepEqual([...bytes.subarray(1, 4)], [..."PNG"].map((each) => each.charCodeAt(0)));
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return { width: view.getUint32(16), height: view.getUint32(20), colorType: bytes[25]! };
}

Deno.test("image_processing answers inline, writes a file, PUTs to a server, and describes by url alone", async (t) => {
  await withSamples(async (host, site) => {
    const crop = { type: "crop", width: 300, height: 200, gravity: "center" };

    await t.step("inline, as base64 of a real image", async () => {
      const { result } = await host.finished("image_processing", {
        url: `${site.url}/photo.png`,
        operations: [crop, { type: "grayscale" }],
      });
      assert.deepEqual(
        [result.output.source.width, result.output.source.height],
        [720, 480],
      );
      const png = Uint8Array.fromBase64(result.output.output.data);
      assert.equal(png.length, result.output.output.bytes);
      assert.deepEqual(pngHeader(png), { width: 300, height: 200, colorType: 0 });
    });

    await t.step("of an animation all frames or the first, its colours in sRGB", async () => {
      for (const [frames, count] of [["all", 16], ["first", undefined]] as const) {
        const { result } = await host.finished("image_processing", {
          url: `${site.url}/moon.gif`,
          frames,
          output: { format: "webp", color_profile: "srgb" },
        });
        assert.equal(result.output.output.frames, count, frames);
      }
    });

    await t.step("to a file that the worker may write", async () => {
      const destination = join(host.directory, "out", "crop.png");
      await Deno.mkdir(join(host.directory, "out"));
      const { result } = await host.finished("image_processing", {
        url: `${site.url}/photo.jpg`,
        operations: [crop],
        destination,
      });
      assert.equal(result.output.output.destination, destination);
      assert.equal(result.output.output.data, undefined);
      const { width, height } = pngHeader(await Deno.readFile(destination));
      assert.deepEqual([width, height], [300, 200]);
    });

    await t.step("not to a file elsewhere", async () => {
      const job = await host.finished("image_processing", {
        url: `${site.url}/photo.jpg`,
        operations: [crop],
        destination: "/etc/crop.png",
      }, "--max-retries=3");
      assert.equal(job.status, "failed");
      assert.match(job.error, /outside the directories that jobs of this worker may write to/);
      assert.equal(job.attempt, 1, "what cannot succeed was tried again");
    });

    await t.step("to a server, by HTTP PUT", async () => {
      const taken: { method: string; type: string | null; bytes: Uint8Array }[] = [];
      const server = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen() {} },
        async (request) => {
          taken.push({
            method: request.method,
            type: request.headers.get("content-type"),
            bytes: await request.bytes(),
          });
          return new Response(null, { status: 201 });
        },
      );
      try {
        const job = await host.finished("image_processing", {
          url: `${site.url}/photo.jpg`,
          operations: [crop],
          output: { format: "png" },
          destination: `http://127.0.0.1:${server.addr.port}/crop.png`,
        });
        assert.equal(job.status, "completed", job.error);
      } finally {
        await server.shutdown();
      }
      assert.deepEqual(taken.map(({ method, type }) => [method, type]), [["PUT", "image/png"]]);
      const { width, height } = pngHeader(taken[0]!.bytes);
      assert.deepEqual([width, height], [300, 200]);
    });

    await t.step("only a url: format, size, colours and a thumbnail", async () => {
      const { result } = await host.finished("image_processing", { url: `${site.url}/photo.jpg` });
      const { source, dominant_color, thumbnail } = result.output;
      const { size } = await Deno.stat(join(SAMPLES, "photo.jpg"));
      assert.deepEqual(
        [source.format, source.width, source.height, source.bytes],
        ["jpeg", 1600, 1067, size],
      );
      assert.match(dominant_color, /^#[0-9a-f]{6}$/);
      assert.deepEqual([thumbnail.width, thumbnail.height], [256, 171]);
      assert.deepEqual(
        [...Uint8Array.fromBase64(thumbnail.data).subarray(0, 2)],
        [0xff, 0xd8],
        "the thumbnail is no JPEG",
      );
    });

    await t.step("a source that is no image fails for good, and says what it is", async () => {
      const job = await host.finished("image_processing", { url: `${site.url}/orders.csv` });
      assert.equal(job.status, "failed");
      assert.equal(job.attempt, 1);
      assert.match(job.error, /image/);
    });
  });
});

Deno.test("web_scraping extracts by selectors, gives an overview without them, and crawls by the rules", async (t) => {
  await withSamples(async (host, site) => {
    await t.step("records by selectors", async () => {
      const { result } = await host.finished("web_scraping", {
        url: `${site.url}/shop.html`,
        selectors: {
          heading: "h1",
          wares: {
            selector: "tbody tr",
            type: "list",
            fields: { name: "td:nth-child(1)", price: "td:nth-child(2)" },
          },
        },
      });
      const { heading, wares } = result.output.data;
      assert.equal(heading, "Shop");
      // The page says the same in its JSON-LD, for machines.
      const html = await Deno.readTextFile(join(SAMPLES, "site", "shop.html"));
      const prices = [...html.matchAll(/"price":\s*"([\d.]+)"/g)].map((each) => Number(each[1]));
      assert.deepEqual(
        wares.map(({ price }: { price: string }) => Number(price.replace(/[^\d.]/g, ""))),
        prices,
      );
      assert.ok(wares.every(({ name }: { name: string }) => name.length > 2));
    });

    await t.step("an overview", async () => {
      const { result } = await host.finished("web_scraping", { url: `${site.url}/shop.html` });
      const { data, kind } = result.output;
      assert.equal(kind, "html");
      assert.equal(data.tables[0].rows.length, 5);
      assert.equal(data.title, "Shop | Stillwater Journal");
      assert.equal(data.json_ld[0].itemListElement.length, 5);
      assert.equal(data.open_graph["og:site_name"], "Stillwater Journal");
      assert.ok(data.links.some((each: { url: string }) => each.url === `${site.url}/about.html`));
    });

    await t.step("a crawl that leaves alone what robots.txt forbids", async () => {
      const crawl = { depth: 3, max_pages: 30, delay_ms: 1 };
      const payload = { url: `${site.url}/`, selectors: { title: "title" }, crawl };
      const polite = (await host.finished("web_scraping", payload)).result.output;
      const paths = (pages: { url: string }[]) => pages.map((each) => new URL(each.url).pathname);
      for await (const { name } of Deno.readDir(join(SAMPLES, "site", "articles"))) {
        assert.ok(paths(polite.pages).includes(`/articles/${name}`), name);
      }
      assert.ok(!paths(polite.pages).some((path) => path.startsWith("/private/")));
      assert.ok(!paths(polite.pages).some((path) => !path.startsWith("/")), "it left the site");
      const blunt = { url: `${site.url}/private/drafts.html`, respect_robots: false };
      assert.equal((await host.finished("web_scraping", blunt)).status, "completed");
      const refused = await host.finished("web_scraping", { url: blunt.url });
      assert.equal(refused.status, "failed");
      assert.match(refused.error, /robots\.txt/);
    });

    await t.step("a page that is not there fails with the server's status", async () => {
      const job = await host.finished("web_scraping", { url: `${site.url}/nowhere.html` });
      assert.equal(job.status, "failed");
      assert.match(job.error, /404/);
    });
  });
});

Deno.test("data_analysis describes, groups and answers SQL over the samples' orders", async (t) => {
  const text = await Deno.readTextFile(join(SAMPLES, "orders.csv"));
  // The third column is never quoted, and neither are those before it.
  const regions = text.trimEnd().split("\n").slice(1).map((line) => line.split(",")[2]!);
  const ordersIn = (region: string) => regions.filter((each) => each === region).length;

  await withSamples(async (host, site) => {
    await t.step("by url, several operations over one reading", async () => {
      const { result } = await host.finished("data_analysis", {
        url: `${site.url}/orders.csv`,
        operations: [
          { type: "describe", columns: ["quantity", "region"] },
          { type: "group_by", by: ["region"], aggregates: [{ fn: "count" }] },
          {
            type: "sql",
            query: "SELECT region, count(*) AS n FROM data GROUP BY region ORDER BY n DESC",
          },
        ],
      });
      const { source, results } = result.output;
      assert.equal(source.rows, regions.length);
      const [describe, groups, sql] = results;
      const region = describe.columns.find((each: { name: string }) => each.name === "region");
      assert.equal(region.distinct, new Set(regions.filter((each) => each !== "")).size);
      for (const row of groups.rows) assert.equal(row.count, ordersIn(row.region ?? ""));
      const counted = sql.rows.map((row: { n: number }) => row.n);
      assert.deepEqual(counted, [...counted].sort((a, b) => b - a));
      assert.equal(counted.reduce((sum: number, each: number) => sum + each, 0), regions.length);
    });

    await t.step("inline NDJSON, with numbers that are known", async () => {
      const rows = Array.from({ length: 101 }, (_, n) => JSON.stringify({ n })).join("\n");
      const { result } = await host.finished("data_analysis", {
        data: rows,
        format: "ndjson",
        operations: [{ type: "describe" }],
      });
      const [n] = result.output.results[0].columns;
      assert.deepEqual([n.count, n.min, n.max, n.mean, n.median], [101, 0, 100, 50, 50]);
    });

    await t.step(
      "compressed, as another country writes it, with rows of other widths",
      async () => {
        const table =
          "Datum;Betrag\r\n31.12.2024;1.234,50\r\n1.1.2025;0,5;zu viel\r\n2.1.2025;-2\r\n";
        const { result } = await host.finished("data_analysis", {
          url: `data:text/csv;base64,${gzipSync(table).toString("base64")}`,
          csv: { decimal: ",", thousands: ".", dates: "dmy", long_rows: "skip" },
          operations: [{ type: "describe", quantiles: [0.9] }, "select"],
        });
        const { source, results: [described, rows] } = result.output;
        assert.deepEqual(source.ragged_rows, { short: 0, long: 1, skipped: 1 });
        assert.deepEqual(described.columns[1].quantiles, [{ q: 0.9, value: 1110.85 }]);
        assert.deepEqual(rows.rows, [
          { Datum: "2024-12-31", Betrag: 1234.5 },
          { Datum: "2025-01-02", Betrag: -2 },
        ]);
      },
    );

    await t.step("SQL that would write is refused", async () => {
      const job = await host.finished("data_analysis", {
        data: "a\n1",
        format: "csv",
        operations: [{ type: "sql", query: "DROP TABLE data" }],
      });
      assert.equal(job.status, "failed");
      assert.equal(job.attempt, 1);
    });
  });
});

Deno.test("a result beyond jobs.result_bytes_max fails its job for good, and says what the limit is", () =>
  onHost(async (host) => {
    await host.startMaster();
    host.startWorker("w1");
    const file = join(host.directory, "large.json");
    const payload = { duration: "1ms", result: "x".repeat(1_100_000) };
    await Deno.writeTextFile(file, JSON.stringify(payload));
    const done = await host.client("submit", "--type=test_sleep", `--payload=@${file}`, "--wait");
    assert.equal(done.code, 1);
    assert.match(done.stderr, /1048576/);
    assert.match(done.stderr.trim().split("\n").at(-1)!, /^conductor: job .* failed: /);
  }));

Deno.test("what a job logs, and the bytes of its result, come back unchanged", () =>
  onHost(async (host) => {
    await host.startMaster();
    const bytes = Uint8Array.from({ length: 256 }, (_, n) => n);
    const handlers = join(host.directory, "types.ts");
    await Deno.writeTextFile(
      handlers,
      "export const digest = {\n" +
        "  run(payload: { hex: string }, context: { log(line: string): void }): unknown {\n" +
        "    context.log(`was given ${payload.hex.length} digits`);\n" +
        "    return Uint8Array.fromHex(payload.hex);\n" +
        "  },\n};\n",
    );
    host.startWorker("w1", `--handlers=${handlers}`);
    const job = await host.finished("digest", { hex: bytes.toHex() });
    assert.equal(job.status, "completed", job.error);
    const hash = (each: Uint8Array) => createHash("sha256").update(each).digest("hex");
    assert.equal(hash(Uint8Array.fromBase64(job.result.output.base64)), hash(bytes));
    const status = JSON.parse((await host.client("status", job.id, "--output=json")).stdout);
    assert.deepEqual(status.log_tail, ["was given 512 digits"]);
    const told = await host.client("status", job.id);
    assert.match(told.stdout, /256 bytes of .*conductor result/);
  }));
