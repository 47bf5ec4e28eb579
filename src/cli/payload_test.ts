import assert from "node:assert/strict";
import { join } from "node:path";
import { Misuse } from "./failure.ts";
import { readPayload } from "./payload.ts";
import { recording } from "./terminal_test_support.ts";

const SILENT = recording().err;

async function inDirectory(test: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "conductor-arguments-" });
  try {
    await test(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function tooLong(length: RegExp) {
  return (failure: unknown) =>
    failure instanceof Misuse && length.test(failure.message) &&
    /jobs\.payload_bytes_max allows 10\b/.test(failure.message) &&
    !failure.message.includes("\n");
}

Deno.test("a payload is taken as text or from a file, up to the limit to the byte", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "payload");
    await Deno.writeTextFile(path, "0123456789");
    assert.equal((await readPayload(`@${path}`, 10, SILENT)).byteLength, 10);
    assert.equal((await readPayload("0123456789", 10, SILENT)).byteLength, 10);
    assert.equal((await readPayload("", 10, SILENT)).byteLength, 0);
    await Deno.writeTextFile(path, "");
    assert.equal((await readPayload(`@${path}`, 10, SILENT)).byteLength, 0);
  }));

Deno.test("a payload over jobs.payload_bytes_max is one line, by its size in bytes", () =>
  inDirectory(async (directory) => {
    await assert.rejects(readPayload("01234567890", 10, SILENT), tooLong(/is 11 bytes/));
    await assert.rejects(readPayload("ééééé!", 10, SILENT), tooLong(/is 11 bytes/));
    const path = join(directory, "payload");
    await Deno.writeTextFile(path, "01234567890");
    await assert.rejects(readPayload(`@${path}`, 10, SILENT), tooLong(/is 11 bytes/));
  }));

Deno.test("a file that cannot be read is named", () =>
  inDirectory(async (directory) => {
    for (const path of [join(directory, "missing"), directory]) {
      await assert.rejects(
        readPayload(`@${path}`, 10, SILENT),
        (failure) => failure instanceof Misuse && failure.message.includes(path),
      );
    }
  }));

Deno.test("a payload is the text itself, or the bytes of the file behind @", async () => {
  const { err } = recording();
  const file = await Deno.makeTempFile();
  try {
    const bytes = Uint8Array.of(0, 255, 10);
    await Deno.writeFile(file, bytes);
    assert.deepEqual(await readPayload(`@${file}`, 100, err), bytes);
    assert.deepEqual(await readPayload("ä", 100, err), Uint8Array.of(0xc3, 0xa4));
    assert.deepEqual(await readPayload("", 100, err), new Uint8Array(0));
  } finally {
    await Deno.remove(file);
  }
  await assert.rejects(readPayload(`@${file}`, 100, err), {
    name: "Misuse",
    message: `cannot read the payload from ${file}: No such file or directory`,
  });
  await assert.rejects(readPayload("@", 100, err), Misuse);
});
