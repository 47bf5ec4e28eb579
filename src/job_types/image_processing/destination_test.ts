import assert from "node:assert/strict";
import { PermanentJobError } from "../contract.ts";
import { type DestinationContext, openDestination } from "./destination.ts";
import { makeContext } from "./image_fixtures.ts";

/** A directory that jobs may write to, and one beside it that they may not. */
async function inDirectories(
  use: (place: { root: string; outside: string; context: DestinationContext }) => Promise<void>,
): Promise<void> {
  const base = await Deno.realPath(await Deno.makeTempDir({ prefix: "conductor-destination-" }));
  try {
    const [root, outside] = [`${base}/root`, `${base}/root-outside`];
    await Deno.mkdir(root);
    await Deno.mkdir(outside);
    await use({ root, outside, context: makeContext({ files: { writeRoots: [root] } }).context });
  } finally {
    await Deno.remove(base, { recursive: true });
  }
}

const content = new Uint8Array([1, 2, 3]);

Deno.test("a file is written whole, its directories made, and nothing is left beside it", async () => {
  await inDirectories(async ({ root, context }) => {
    const destination = await openDestination(`${root}/a/b/photo.JPG`, context);
    assert.equal(destination.format, "jpeg");
    assert.equal(destination.name, `${root}/a/b/photo.JPG`);
    await destination.write(content, "image/jpeg");
    assert.deepEqual(await Deno.readFile(`${root}/a/b/photo.JPG`), content);
    assert.deepEqual(await namesIn(`${root}/a/b`), ["photo.JPG"]);
  });
});

Deno.test("a relative path counts from the first directory, a file URL is a path", async () => {
  await inDirectories(async ({ root, context }) => {
    assert.equal((await openDestination("x/y.png", context)).name, `${root}/x/y.png`);
    assert.equal(
      (await openDestination(`file://${root}/z%20z.png`, context)).name,
      `${root}/z z.png`,
    );
  });
});

Deno.test("an existing file is replaced", async () => {
  await inDirectories(async ({ root, context }) => {
    await Deno.writeTextFile(`${root}/old.png`, "a much longer content than the new one");
    await (await openDestination("old.png", context)).write(content, "image/png");
    assert.deepEqual(await Deno.readFile(`${root}/old.png`), content);
  });
});

Deno.test("a path outside the directories is refused, however it is spelled", async () => {
  await inDirectories(async ({ root, outside, context }) => {
    await Deno.symlink(outside, `${root}/link`);
    for (
      const path of [
        "../root-outside/x.png",
        `${root}/../root-outside/x.png`,
        `${outside}/x.png`,
        "/etc/x.png",
        "link/x.png",
        "link/deeper/x.png",
        `file://${root}/%2e%2e/root-outside/x.png`,
      ]
    ) {
      await assert.rejects(
        openDestination(path, context),
        (error: Error) => error instanceof PermanentJobError && /lies outside/.test(error.message),
        path,
      );
    }
    assert.deepEqual(await namesIn(outside), []);
  });
});

Deno.test("a link at the file's own name is replaced, not followed", async () => {
  await inDirectories(async ({ root, outside, context }) => {
    await Deno.writeTextFile(`${outside}/victim`, "untouched");
    await Deno.symlink(`${outside}/victim`, `${root}/photo.png`);
    await (await openDestination("photo.png", context)).write(content, "image/png");
    assert.equal(await Deno.readTextFile(`${outside}/victim`), "untouched");
    assert.equal((await Deno.lstat(`${root}/photo.png`)).isSymlink, false);
  });
});

Deno.test("a directory that becomes a link while the job runs is noticed", async () => {
  await inDirectories(async ({ root, outside, context }) => {
    await Deno.mkdir(`${root}/album`);
    const destination = await openDestination("album/x.png", context);
    await Deno.remove(`${root}/album`);
    await Deno.symlink(outside, `${root}/album`);
    await assert.rejects(destination.write(content, "image/png"), PermanentJobError);
    assert.deepEqual(await namesIn(outside), []);
  });
});

Deno.test("what does not name a file is refused", async () => {
  await inDirectories(async ({ root, context }) => {
    await Deno.mkdir(`${root}/album`);
    await Deno.writeTextFile(`${root}/file`, "");
    await Deno.symlink(`${root}/nowhere`, `${root}/dangling`);
    for (
      const path of ["album", "album/", "a\0b.png", "..", "file/x.png", "dangling/x.png", root]
    ) {
      await assert.rejects(openDestination(path, context), PermanentJobError, path);
    }
  });
});

Deno.test("without a directory to write to no file is written", async () => {
  const { context } = makeContext();
  await assert.rejects(openDestination("/tmp/x.png", context), {
    name: "PermanentJobError",
    message: /this worker lets jobs write none/,
  });
});

Deno.test("a URL of another kind is refused", async () => {
  const { context } = makeContext();
  for (const url of ["ftp://a.example/x.png", "s3://bucket/x.png", "http://"]) {
    await assert.rejects(openDestination(url, context), PermanentJobError);
  }
});

Deno.test("a failed write leaves neither the file nor its beginnings", async () => {
  await inDirectories(async ({ root, context }) => {
    const destination = await openDestination("photo.png", context);
    await Deno.mkdir(`${root}/photo.png`);
    await assert.rejects(destination.write(content, "image/png"));
    assert.deepEqual(await namesIn(root), ["photo.png"]);
  });
});

async function namesIn(path: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name);
}
