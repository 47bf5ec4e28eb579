import assert from "node:assert/strict";
import { join } from "node:path";
import { temporaryDirectory } from "./certificate_fixtures.ts";
import { writeFileAtomically } from "./key_files.ts";
import { Reloader } from "./reloader.ts";

/** A file that must not hold "bad", and what was told of it. */
async function watching(path: string) {
  const told: string[] = [];
  let held = "";
  const reload = async () => {
    const text = await Deno.readTextFile(path);
    if (text === "bad") throw new Error("it is bad");
    held = text;
  };
  await reload();
  const reloader = new Reloader({
    intervalMs: 60_000,
    onReloaded: (name) => told.push(`${name} reloaded`),
    onFailed: (name, failure) => told.push(`${name}: ${(failure as Error).message}`),
  });
  await reloader.add({ name: "it", files: () => [path], reload });
  return {
    reloader,
    /** What a look told. */
    async looked(isForced = false) {
      told.length = 0;
      await reloader.look(isForced);
      return [...told];
    },
    get held() {
      return held;
    },
  };
}

Deno.test("a file is read anew when it was replaced or rewritten, and only then", async () => {
  await using temporary = await temporaryDirectory();
  const path = join(temporary.path, "file");
  await Deno.writeTextFile(path, "one");
  const watched = await watching(path);
  assert.deepEqual(await watched.looked(), []);
  await writeFileAtomically(path, "two", 0o600);
  assert.deepEqual(await watched.looked(), ["it reloaded"]);
  assert.equal(watched.held, "two");
  await writeFileAtomically(path, "two", 0o600);
  assert.deepEqual(await watched.looked(), [], "the same content in another file is no change");
  await Deno.writeTextFile(path, "a longer three");
  assert.deepEqual(await watched.looked(), ["it reloaded"]);
  assert.deepEqual(await watched.looked(), []);
});

Deno.test("a symbolic link that is swapped is a change, as in Kubernetes", async () => {
  await using temporary = await temporaryDirectory();
  const at = (name: string) => join(temporary.path, name);
  for (const [data, text] of [["data1", "one"], ["data2", "two"]] as const) {
    await Deno.mkdir(at(data));
    await Deno.writeTextFile(join(at(data), "file"), text);
    await Deno.utime(join(at(data), "file"), 1_000, 1_000);
  }
  await Deno.symlink("data1", at("..data"));
  await Deno.symlink("..data/file", at("file"));
  const watched = await watching(at("file"));
  await Deno.symlink("data2", at("..data_tmp"));
  await Deno.rename(at("..data_tmp"), at("..data"));
  assert.deepEqual(await watched.looked(), ["it reloaded"]);
  assert.equal(watched.held, "two");
});

Deno.test("what is bad is told once, and what was read before holds on", async () => {
  await using temporary = await temporaryDirectory();
  const path = join(temporary.path, "file");
  await Deno.writeTextFile(path, "good");
  const watched = await watching(path);
  await writeFileAtomically(path, "bad", 0o600);
  assert.deepEqual(await watched.looked(), ["it: it is bad"]);
  assert.deepEqual(await watched.looked(), []);
  assert.deepEqual(
    await watched.looked(true),
    ["it: it is bad"],
    "asked for by SIGHUP, told again",
  );
  await Deno.remove(path);
  assert.match((await watched.looked())[0] ?? "", /^it: .*NotFound|No such file/i);
  assert.deepEqual(await watched.looked(), []);
  assert.equal(watched.held, "good");
  await Deno.writeTextFile(path, "better");
  assert.deepEqual(await watched.looked(), ["it reloaded"]);
});

Deno.test("it looks by itself, one look at a time, until it is stopped", async () => {
  await using temporary = await temporaryDirectory();
  const path = join(temporary.path, "file");
  await Deno.writeTextFile(path, "one");
  const seen = Promise.withResolvers<void>();
  const reloader = new Reloader({
    intervalMs: 10,
    onReloaded: () => seen.resolve(),
    onFailed: (_name, failure) => seen.reject(failure),
  });
  await reloader.add({ name: "it", files: () => [path], reload: () => {} });
  reloader.start();
  // Its timer keeps nothing alive, so that something else has to.
  const alive = setInterval(() => {}, 1_000);
  try {
    await writeFileAtomically(path, "two", 0o600);
    await seen.promise;
  } finally {
    clearInterval(alive);
    reloader.stop();
  }
});
