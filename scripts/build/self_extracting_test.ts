import assert from "node:assert/strict";
import { join } from "node:path";
import { writeSelfExtracting } from "./self_extracting.ts";

/** Stands for the runtime: shows what it was started with, and does what the arguments say. */
const RUNTIME = `#!/bin/sh
[ "$1" != --version ] || exit 0
while [ $# -gt 0 ]; do
  case $1 in
    */app/main.js) echo "program $1" ;;
    exit) exit "$2" ;;
    wait) echo "pid $$"; exec sleep 60 ;;
    umask) umask ;;
    *) echo "argument $1" ;;
  esac
  shift
done
`;

interface Output {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A self-extracting file of a few bytes, and a home to unpack it in. */
class Packed implements AsyncDisposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "conductor-stub-" });
  readonly file = join(this.directory, "conductor");
  readonly newer = join(this.directory, "conductor-newer");
  readonly home = join(this.directory, "home");
  readonly cache = join(this.home, ".cache", "conductor");

  static async make(): Promise<Packed> {
    const packed = new Packed();
    const app = join(packed.directory, "app");
    for (const path of [app, packed.home]) await Deno.mkdir(path);
    for (const name of ["main.js", "part.js"]) await Deno.writeTextFile(join(app, name), "//\n");
    const runtime = join(packed.directory, "runtime");
    await Deno.writeTextFile(runtime, RUNTIME);
    await writeSelfExtracting(packed.file, { runtime, app });
    // The same program, a version later.
    await Deno.writeTextFile(join(app, "main.js"), "// newer\n");
    await writeSelfExtracting(packed.newer, { runtime, app });
    return packed;
  }

  command(
    args: readonly string[],
    environment: Record<string, string> = {},
    file = this.file,
  ): Deno.Command {
    return new Deno.Command(file, {
      args: [...args],
      clearEnv: true,
      env: { PATH: Deno.env.get("PATH") ?? "", HOME: this.home, ...environment },
      stdout: "piped",
      stderr: "piped",
    });
  }

  async run(
    args: readonly string[],
    environment?: Record<string, string>,
    file?: string,
  ): Promise<Output> {
    const output = await this.command(args, environment, file).output();
    const decoder = new TextDecoder();
    return {
      ...output,
      stdout: decoder.decode(output.stdout),
      stderr: decoder.decode(output.stderr),
    };
  }

  /** Starts it and waits until it runs; `stop` ends it. */
  async running(file?: string): Promise<{ stop(): Promise<void> }> {
    const process = this.command(["wait"], {}, file).spawn();
    const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let said = "";
    while (!said.includes("pid ")) said += (await reader.read()).value ?? assert.fail(said);
    assert.match(said, new RegExp(`pid ${process.pid}\n`));
    const stop = async () => {
      process.kill("SIGTERM");
      assert.equal((await process.status).signal, "SIGTERM");
      await reader.cancel();
      await process.stderr.cancel();
    };
    return { stop };
  }

  /** Names of the directories in the cache. */
  copies(cache = this.cache): string[] {
    return [...Deno.readDirSync(cache)].filter((each) => each.isDirectory).map(({ name }) => name);
  }

  /** Where it is unpacked; there must be one such directory. */
  unpacked(cache = this.cache): string {
    const names = this.copies(cache);
    assert.equal(names.length, 1, names.join());
    return join(cache, names[0] ?? "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}

function stubTest(
  name: string,
  fn: (packed: Packed) => Promise<void>,
  ignore = Deno.build.os === "windows",
): void {
  Deno.test({
    name,
    ignore,
    fn: async () => {
      await using packed = await Packed.make();
      await fn(packed);
    },
  });
}

stubTest(
  "arguments reach the program as they are, and its exit code comes back",
  async (packed) => {
    const done = await packed.run(["a b", "", "*", "--quiet", "exit", "7"]);
    assert.equal(done.code, 7);
    const program = join(packed.unpacked(), "app", "main.js");
    assert.ok(
      done.stdout.endsWith(
        `program ${program}\nargument a b\nargument \nargument *\nargument --quiet\n`,
      ),
      done.stdout,
    );
    assert.equal(done.stderr, "");
  },
);

stubTest(
  "the program is the process that was started, so a signal ends it alone",
  async (packed) => await (await packed.running()).stop(),
);

stubTest(
  "what is unpacked is for its owner alone, and the program keeps its umask",
  async (packed) => {
    const shell = new Deno.Command("sh", {
      args: ["-c", `umask 027; exec "${packed.file}" umask`],
      clearEnv: true,
      env: { PATH: Deno.env.get("PATH") ?? "", HOME: packed.home },
    });
    const { stdout } = await shell.output();
    assert.match(new TextDecoder().decode(stdout), /^0?027$/m);
    for (const path of [packed.cache, packed.unpacked(), join(packed.unpacked(), "app")]) {
      assert.equal(Deno.statSync(path).mode! & 0o777, 0o700, path);
    }
  },
);

stubTest("many first starts at once leave one whole copy", async (packed) => {
  const all = await Promise.all(Array.from({ length: 8 }, () => packed.run(["exit", "3"])));
  assert.deepEqual(all.map(({ code, stderr }) => [code, stderr]), all.map(() => [3, ""]));
  const names = [...Deno.readDirSync(packed.unpacked())].map(({ name }) => name);
  assert.deepEqual(names.sort(), ["app", "conductor", "lock"]);
});

const hasLocks = await new Deno.Command("flock", { args: ["--version"], stdout: "null" }).output()
  .then(({ success }) => success, () => false);

function removalTest(name: string, fn: (packed: Packed) => Promise<void>): void {
  stubTest(name, fn, !hasLocks);
}

removalTest("what another version unpacked is removed once nobody runs it", async (packed) => {
  const old = await packed.running();
  const [name] = packed.copies();
  const newer = await packed.running(packed.newer);
  assert.equal(packed.copies().length, 2, "the old one runs");
  await old.stop();
  assert.equal((await packed.run(["exit", "3"], {}, packed.newer)).code, 3);
  assert.notEqual(packed.unpacked(), join(packed.cache, name!));
  assert.equal((await packed.run(["exit", "4"])).code, 4, "whoever goes back unpacks it again");
  assert.equal(packed.copies().length, 2, "the newer one runs");
  await newer.stop();
});

const OF_BEFORE = "0".repeat(32);

removalTest("one that was unpacked before there were locks stays while it runs", async (packed) => {
  const directory = join(packed.cache, OF_BEFORE);
  await Deno.mkdir(directory, { recursive: true });
  await Deno.copyFile("/bin/sleep", join(directory, "conductor"));
  const old = new Deno.Command(join(directory, "conductor"), { args: ["60"] }).spawn();
  assert.equal((await packed.run(["exit", "3"])).code, 3);
  assert.ok(packed.copies().includes(OF_BEFORE));
  old.kill("SIGKILL");
  await old.status;
  assert.equal((await packed.run(["exit", "3"])).code, 3);
  packed.unpacked();
});

removalTest(
  "versions that start at once and remove each other's copies all start",
  async (packed) => {
    const files = Array.from({ length: 24 }, (_, index) => index % 2 ? packed.file : packed.newer);
    const all = await Promise.all(files.map((file) => packed.run(["exit", "3"], {}, file)));
    assert.deepEqual(all.map(({ code, stderr }) => [code, stderr]), all.map(() => [3, ""]));
    await packed.run(["exit", "3"]);
    packed.unpacked();
  },
);

removalTest("what is no copy of ours is left where it is", async (packed) => {
  const elsewhere = join(packed.directory, "elsewhere");
  await Deno.mkdir(elsewhere);
  await Deno.writeTextFile(join(elsewhere, "kept"), "");
  await Deno.mkdir(packed.cache, { recursive: true });
  await Deno.symlink(elsewhere, join(packed.cache, "1".repeat(32)));
  await Deno.writeTextFile(join(packed.cache, "note"), "mine");
  await Deno.mkdir(join(packed.cache, "theirs"));
  assert.equal((await packed.run(["exit", "3"])).code, 3);
  for (const kept of ["1".repeat(32), "theirs"]) await Deno.lstat(join(packed.cache, kept));
  await Deno.stat(join(elsewhere, "kept"));
  await Deno.stat(join(packed.cache, "note"));
});

stubTest("a copy that lost a file is unpacked again", async (packed) => {
  await packed.run(["exit", "0"]);
  for (const lost of ["app/part.js", "conductor"]) {
    await Deno.remove(join(packed.unpacked(), lost));
    assert.equal((await packed.run(["exit", "4"])).code, 4, lost);
    await Deno.stat(join(packed.unpacked(), lost));
  }
});

stubTest("a second start writes nothing, so a home may be read-only by then", async (packed) => {
  await packed.run(["exit", "0"]);
  const before = await Deno.stat(packed.cache);
  assert.equal((await packed.run(["exit", "5"])).code, 5);
  assert.deepEqual((await Deno.stat(packed.cache)).mtime, before.mtime);
});

stubTest("a link in the place of the cache is not followed", async (packed) => {
  const elsewhere = join(packed.directory, "elsewhere");
  await Deno.mkdir(elsewhere);
  await Deno.mkdir(join(packed.home, ".cache"));
  await Deno.symlink(elsewhere, packed.cache);
  const temporary = join(packed.directory, "tmp");
  await Deno.mkdir(temporary);
  assert.equal((await packed.run(["exit", "6"], { TMPDIR: temporary })).code, 6);
  assert.deepEqual([...Deno.readDirSync(elsewhere)], []);
});

stubTest(
  "without a home it is unpacked below the directory for temporary files",
  async (packed) => {
    const temporary = join(packed.directory, "tmp");
    await Deno.mkdir(temporary);
    for (const HOME of ["", "/nonexistent"]) {
      assert.equal((await packed.run(["exit", "7"], { HOME, TMPDIR: temporary })).code, 7);
    }
    const mine = join(temporary, `conductor-${Deno.uid()}`);
    assert.equal(Deno.statSync(mine).mode! & 0o777, 0o700);
    packed.unpacked(join(mine, "conductor"));
  },
);

stubTest("a directory for temporary files that others may write to is refused", async (packed) => {
  const temporary = join(packed.directory, "tmp");
  const mine = join(temporary, `conductor-${Deno.uid()}`);
  await Deno.mkdir(mine, { recursive: true });
  await Deno.chmod(mine, 0o777);
  const refused = await packed.run(["exit", "0"], { HOME: "", TMPDIR: temporary });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^conductor: cannot unpack itself: .*CONDUCTOR_CACHE_DIR\n$/);
});

stubTest("CONDUCTOR_CACHE_DIR is used and nothing else, or refused by name", async (packed) => {
  const chosen = join(packed.directory, "chosen");
  const good = await packed.run(["exit", "8"], { CONDUCTOR_CACHE_DIR: chosen });
  assert.equal(good.code, 8);
  packed.unpacked(join(chosen, "conductor"));
  for (const bad of ["relative", packed.file]) {
    const refused = await packed.run(["exit", "0"], { CONDUCTOR_CACHE_DIR: bad });
    assert.equal(refused.code, 1);
    assert.ok(refused.stderr.includes(bad), refused.stderr);
  }
  await assert.rejects(Deno.stat(packed.cache));
});

stubTest("a file that was cut short is told, and leaves nothing behind", async (packed) => {
  const bytes = await Deno.readFile(packed.file);
  await Deno.writeFile(packed.file, bytes.subarray(0, bytes.length - 100));
  const refused = await packed.run(["exit", "0"], { CONDUCTOR_CACHE_DIR: packed.home });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /cannot unpack itself/);
  assert.deepEqual(packed.copies(join(packed.home, "conductor")), []);
});
