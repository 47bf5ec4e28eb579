import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { FileRefusedError, openLocalFile } from "./local_file.ts";

interface Directories extends AsyncDisposable {
  readonly allowed: string;
  readonly secret: string;
}

async function directories(): Promise<Directories> {
  const root = await Deno.realPath(await Deno.makeTempDir());
  const [allowed, secret] = [join(root, "allowed"), join(root, "allowed-not")];
  await Deno.mkdir(join(allowed, "deep"), { recursive: true });
  await Deno.mkdir(secret);
  await Deno.writeTextFile(join(allowed, "deep", "a b.txt"), "content");
  await Deno.writeTextFile(join(secret, "s.txt"), "secret");
  return { allowed, secret, [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }) };
}

async function read(pathOrUrl: string | URL, ...readRoots: string[]): Promise<string> {
  const file = await openLocalFile(pathOrUrl, { readRoots });
  return await new Response(file.stream).text();
}

Deno.test("a file below a read root is read, by path, relative path and URL", async () => {
  await using at = await directories();
  const path = join(at.allowed, "deep", "a b.txt");
  for (const name of [path, "deep/a b.txt", pathToFileURL(path), pathToFileURL(path).href]) {
    assert.equal(await read(name, at.allowed), "content", String(name));
  }
  const file = await openLocalFile(path, { readRoots: [at.secret, at.allowed] });
  assert.equal(file.sizeBytes, 7);
  assert.equal(file.path, path);
  await file.close();
});

Deno.test("a file of several chunks arrives whole", async () => {
  await using at = await directories();
  const text = "0123456789".repeat(30_000);
  await Deno.writeTextFile(join(at.allowed, "long"), text);
  assert.equal(await read("long", at.allowed), text);
});

Deno.test({
  name: "a stream that is cancelled closes its file",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using at = await directories();
    const file = await openLocalFile("deep/a b.txt", { readRoots: [at.allowed] });
    assert.equal(isOpen(file.path), true);
    await file.stream.cancel();
    assert.equal(isOpen(file.path), false);
  },
});

/** Whether this process has a descriptor of the file. */
function isOpen(path: string): boolean {
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    try {
      if (Deno.readLinkSync(`/proc/self/fd/${name}`) === path) return true;
    } catch (failure) {
      // The descriptor by which the directory is read is gone by now.
      if (!(failure instanceof Deno.errors.NotFound)) throw failure;
    }
  }
  return false;
}

Deno.test("what lies outside the read roots is refused, whatever the way there", async () => {
  await using at = await directories();
  await Deno.symlink(join(at.secret, "s.txt"), join(at.allowed, "link"));
  await Deno.symlink(at.secret, join(at.allowed, "directory-link"));
  const ways = [
    join(at.secret, "s.txt"),
    "../allowed-not/s.txt",
    `${at.allowed}/../allowed-not/s.txt`,
    "link",
    "directory-link/s.txt",
    "/etc/passwd",
    "file:///etc/passwd",
    "/proc/self/environ",
    pathToFileURL(at.allowed).href + "/..%2fallowed-not/s.txt",
    pathToFileURL(at.allowed).href + "/%2e%2e/allowed-not/s.txt",
    "file://elsewhere/etc/passwd",
    "deep/a b.txt\0.png",
  ];
  for (const way of ways) await assert.rejects(read(way, at.allowed), FileRefusedError, way);
});

Deno.test("what is missing and what is outside get the same answer", async () => {
  await using at = await directories();
  const messageOf = async (path: string) =>
    await read(path, at.allowed).then(() => "", (error: Error) => error.message.replace(path, ""));
  assert.equal(await messageOf("/etc/passwd"), await messageOf("/etc/no-such-file"));
});

Deno.test("directories, devices and pipes are refused without waiting on them", async () => {
  await using at = await directories();
  await new Deno.Command("mkfifo", { args: [join(at.allowed, "pipe")] }).output();
  for (const name of ["deep", "pipe", "."]) {
    await assert.rejects(read(name, at.allowed), FileRefusedError, name);
  }
  await assert.rejects(read("/dev/zero", "/dev"), FileRefusedError);
});

Deno.test("a worker without read roots says so", async () => {
  await assert.rejects(read("/etc/passwd"), /lets jobs read none.*file_read_roots/);
});
