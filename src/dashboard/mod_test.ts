import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { type Asset, assets } from "./mod.ts";

const WEB = fileURLToPath(new URL("web", import.meta.url));
const TRANSFERRED_BYTES_MAX = 150_000;

const textOf = ({ bytes }: Asset) => new TextDecoder().decode(bytes);

function* filesBelow(directory: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(directory)) {
    const path = join(directory, name);
    if (isDirectory) yield* filesBelow(path);
    else yield relative(WEB, path).replaceAll("\\", "/");
  }
}

Deno.test("every file of web/ is part of the program, as it stands there", () => {
  for (const path of filesBelow(WEB)) {
    const asset = assets.get(path);
    assert.ok(asset !== undefined, `files.ts lacks ${path}`);
    if (path === "lit.js") continue;
    assert.equal(textOf(asset), Deno.readTextFileSync(join(WEB, path)), path);
  }
});

Deno.test("what a file of the page asks for is one of its files", () => {
  for (const [path, asset] of assets) {
    const asked = [
      ...textOf(asset).matchAll(/(?:\} ?from ?|^import |import\()"([^"]+)"/gm),
      ...(path.endsWith(".html") ? textOf(asset).matchAll(/(?:src|href)="([^"]+)"/g) : []),
    ];
    for (const [, specifier = ""] of asked) {
      // Types are of the checker alone.
      if (specifier === "lit-html") continue;
      assert.match(specifier, /^\.\.?\//, `${path} asks for ${specifier}`);
      const target = normalize(join(dirname(path), specifier)).replaceAll("\\", "/");
      assert.ok(assets.has(target), `${path} asks for ${specifier}, which is no file of the page`);
    }
  }
});

Deno.test("nothing of the page is what its security policy refuses, or comes from elsewhere", () => {
  for (const [path, asset] of assets) {
    if (path.startsWith("lit/")) continue;
    const text = textOf(asset);
    assert.doesNotMatch(text, /\s(style|on[a-z]+)="?[$"]/, `${path} has inline style or script`);
    assert.doesNotMatch(text, /<script>|<style|javascript:|unsafeHTML|innerHTML/, path);
    const addresses = text.matchAll(/https?:\/\/[^\s"'`)]+/g);
    for (const [address] of addresses) assert.equal(address, "http://www.w3.org/2000/svg", path);
  }
});

Deno.test("the whole page is small", () => {
  let transferred = 0;
  for (const { bytes } of assets.values()) transferred += gzipSync(bytes).length;
  assert.ok(transferred < TRANSFERRED_BYTES_MAX, `${transferred} bytes`);
});

Deno.test("each file has its type, and a tag that changes with its bytes", () => {
  assert.equal(assets.get("index.html")?.contentType, "text/html; charset=utf-8");
  assert.equal(assets.get("views/jobs.js")?.contentType, "text/javascript; charset=utf-8");
  assert.equal(assets.get("styles/base.css")?.contentType, "text/css; charset=utf-8");
  const tags = [...assets.values()].map(({ etag }) => etag);
  assert.equal(new Set(tags).size, tags.length);
  for (const tag of tags) assert.match(tag, /^"[\w-]{22}"$/);
});
