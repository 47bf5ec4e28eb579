import assert from "node:assert/strict";
import { InputTooLargeError, PermanentJobError } from "./contract.ts";
import { decodeDataUrl } from "./data_url.ts";

const textOf = (url: string) => new TextDecoder().decode(decodeDataUrl(url).bytes);

Deno.test("data: URLs are decoded, percent-encoded or base64", () => {
  assert.equal(textOf("data:,hello%20world"), "hello world");
  assert.equal(textOf("data:text/plain,50%25%zz"), "50%%zz");
  assert.equal(textOf("data:text/plain,straße"), "straße");
  assert.equal(textOf("data:;base64,aGk="), "hi");
  assert.equal(textOf("data:;base64,aGk"), "hi");
  assert.equal(textOf("data:text/html ; base64,aG%6B%3D"), textOf("data:;base64,aGk="));
  assert.equal(textOf("DATA:text/plain;BASE64, aG k= "), "hi");
  assert.equal(textOf("data:,a,b#fragment"), "a,b");
  assert.deepEqual([...decodeDataUrl("data:;base64,-_8=").bytes], [0xfb, 0xff]);
});

Deno.test("the media type is the URL's own, or the standard's default", () => {
  assert.equal(decodeDataUrl("data:image/png;base64,").contentType, "image/png");
  assert.equal(decodeDataUrl("data:,x").contentType, "text/plain;charset=US-ASCII");
  assert.equal(decodeDataUrl("data:;charset=utf-8,x").contentType, "text/plain;charset=utf-8");
});

Deno.test("what cannot be decoded, or is too long, is refused", () => {
  assert.throws(() => decodeDataUrl("data:text/plain"), PermanentJobError);
  assert.throws(() => decodeDataUrl("http://x/"), PermanentJobError);
  assert.throws(() => decodeDataUrl("data:;base64,%%%"), PermanentJobError);
  assert.throws(() => decodeDataUrl("data:,12345", 4), InputTooLargeError);
  assert.throws(
    () => decodeDataUrl(`data:;base64,${"A".repeat(1_000_000)}`, 1000),
    InputTooLargeError,
  );
  assert.equal(decodeDataUrl("data:,1234", 4).bytes.length, 4);
});
