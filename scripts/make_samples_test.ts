import assert from "node:assert/strict";
import { parse } from "csv-parse/sync";
import { load } from "cheerio";
import { decode, type Pixels, startEncoders } from "./make_samples/encoders.ts";
import { paintLandscape } from "./make_samples/landscape.ts";
import { ORDER_COUNT, orderColumns } from "./make_samples/orders.ts";
import { paintMap, paintMoon, paintPatch } from "./make_samples/vignettes.ts";
import { makeTexts, samplesDirectory } from "./make_samples.ts";

async function read(path: string): Promise<Uint8Array> {
  return await Deno.readFile(new URL(path, samplesDirectory));
}

/** Mean difference of two pictures' bytes, 0 to 255. */
function difference(a: Pixels, b: Pixels): number {
  assert.deepEqual([a.width, a.height], [b.width, b.height]);
  const sum = a.rgb.reduce((total, value, index) => total + Math.abs(value - b.rgb[index]!), 0);
  return sum / a.rgb.length;
}

Deno.test("the committed texts are what the script makes", async () => {
  for (const [path, text] of makeTexts()) {
    assert.equal(new TextDecoder().decode(await read(path)), text, path);
  }
});

// Encoders and the last bit of Math.exp may differ between versions, so pictures are compared by eye.
Deno.test("the committed pictures are what the script paints", async () => {
  await startEncoders();
  const landscape = { width: 160, height: 107, rgb: paintLandscape(160, 107) };
  for (const path of ["photo.jpg", "photo.png", "photo.webp", "site/images/lake.webp"]) {
    const difference160 = difference(decode(await read(path), 160, 107), landscape);
    assert.ok(difference160 < 6, `${path} differs by ${difference160}`);
  }
  for (const [path, paint] of [["map", paintMap], ["patch", paintPatch]] as const) {
    const painted = { width: 640, height: 427, rgb: paint(640, 427) };
    const found = difference(decode(await read(`site/images/${path}.webp`), 640, 427), painted);
    assert.ok(found < 8, `${path} differs by ${found}`);
  }
  const moon = { width: 96, height: 96, rgb: paintMoon(96, 0) };
  assert.ok(difference(decode(await read("moon.gif"), 96, 96), moon) < 6);
});

Deno.test("another picture would be noticed", async () => {
  await startEncoders();
  const other = { width: 160, height: 107, rgb: paintPatch(160, 107) };
  assert.ok(difference(decode(await read("photo.jpg"), 160, 107), other) > 30);
});

Deno.test("all samples together stay small", async () => {
  assert.ok(await bytesBelow(samplesDirectory) < 1_500_000);
});

async function bytesBelow(directory: URL): Promise<number> {
  let bytes = 0;
  for await (const entry of Deno.readDir(directory)) {
    const url = new URL(entry.isDirectory ? `${entry.name}/` : entry.name, directory);
    bytes += entry.isDirectory ? await bytesBelow(url) : (await Deno.stat(url)).size;
  }
  return bytes;
}

Deno.test("the orders are a table with types, gaps and quotes", async () => {
  const rows: Record<string, string>[] = parse(await read("orders.csv"), { columns: true });
  assert.equal(rows.length, ORDER_COUNT);
  assert.deepEqual(Object.keys(rows[0]!), [...orderColumns]);
  assert.equal(new Set(rows.map((row) => row["order_id"])).size, ORDER_COUNT);
  for (const row of rows) {
    assert.match(row["ordered_at"]!, /^202[45]-\d\d-\d\d \d\d:\d\d$/);
    assert.ok(Number(row["quantity"]) >= 1 && Number(row["unit_price"]) > 0, row["order_id"]!);
    assert.match(row["discount"]!, /^(0\.\d\d)?$/);
    assert.match(row["returned"]!, /^(true|false)?$/);
  }
  for (const column of ["discount", "customer", "returned", "note"]) {
    const empty = rows.filter((row) => row[column] === "").length;
    assert.ok(empty > 20 && empty < ORDER_COUNT, `${column} is empty in ${empty} rows`);
  }
  assert.ok(rows.some((row) => row["product"] === `Rain Jacket "Skarv"`));
});

Deno.test("every link within the site leads to a page, every image to a file", async () => {
  const site = new URL("site/", samplesDirectory);
  const pages = [...makeTexts().keys()].filter((path) => path.endsWith(".html"));
  assert.equal(pages.length, 9);
  for (const path of pages) {
    const page = new URL(path, samplesDirectory);
    const $ = load(await Deno.readTextFile(page));
    const targets = [...$("a[href], img[src], link[rel=stylesheet]")].map((element) =>
      new URL($(element).attr("href") ?? $(element).attr("src") ?? "", page)
    ).filter((target) => target.protocol === "file:");
    assert.ok(targets.length >= 5, path);
    for (const target of targets) {
      target.hash = "";
      assert.ok(target.href.startsWith(site.href) && (await Deno.stat(target)).isFile, target.href);
    }
    assert.equal($("h1").length, 1, path);
    assert.ok($("meta[property='og:title']").attr("content"), path);
    assert.ok(JSON.parse($("script[type='application/ld+json']").text())["@type"], path);
  }
});

Deno.test("robots.txt asks every robot not to read the drafts, and those are linked", async () => {
  const lines = new TextDecoder().decode(await read("site/robots.txt")).split("\n");
  assert.ok(lines.indexOf("User-agent: *") < lines.indexOf("Disallow: /private/"));
  assert.ok(lines.includes("Disallow: /private/"));
  assert.match(makeTexts().get("site/about.html")!, /href="private\/drafts\.html"/);
});
