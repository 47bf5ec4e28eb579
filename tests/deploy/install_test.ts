/** deploy/install.sh, against a release on loopback, by every POSIX shell that is here. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { COMPANIONS, TARGETS } from "../../scripts/build/release.ts";
import { checksumsOf } from "../../scripts/build/stamp.ts";

const SCRIPT = fileURLToPath(new URL("../../deploy/install.sh", import.meta.url));
const VERSION = "9.9.9";

/** Stands for the program: answers what the script asks of it. */
const program = (pages: readonly string[]) =>
  `#!/bin/sh
case $1 in
  --version) echo "conductor ${VERSION}" ;;
  completion) echo "completion for $2" ;;
  man) mkdir -p "$3"; for page in ${pages.join(" ")}; do echo "$page" >"$3/$page"; done ;;
esac
`;

const shells: string[][] = [];
for (const shell of [["sh"], ["dash"], ["bash", "--posix"], ["busybox", "sh"]]) {
  if (await succeeds(shell[0]!, [...shell.slice(1), "-c", "true"])) shells.push(shell);
}
const hasShellcheck = await succeeds("shellcheck", ["--version"]);

async function succeeds(command: string, args: readonly string[]): Promise<boolean> {
  try {
    const options = { stdout: "null", stderr: "null" } as const;
    return (await new Deno.Command(command, { args: [...args], ...options }).output()).success;
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return false;
    throw failure;
  }
}

/** A release on loopback, and an empty system to install it into. */
class Scene implements AsyncDisposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "conductor-install-" });
  readonly release = join(this.directory, "release");
  readonly root = join(this.directory, "root");
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  private constructor() {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
      const name = new URL(request.url).pathname
        .replace(new RegExp(`^/(latest/download|download/v${VERSION})/`), "");
      return Deno.readFile(join(this.release, name)).then(
        (bytes) => new Response(bytes),
        () => new Response(null, { status: 404 }),
      );
    });
  }

  static async make(): Promise<Scene> {
    const scene = new Scene();
    for (const each of [scene.release, scene.root]) await Deno.mkdir(each);
    await scene.publish(["conductor.1", "conductor-submit.1"]);
    return scene;
  }

  async publish(pages: readonly string[]): Promise<void> {
    const names = [...TARGETS.values()];
    for (const name of names) {
      await Deno.writeTextFile(join(this.release, name), program(pages));
    }
    for (const path of COMPANIONS) {
      const name = path.slice(path.lastIndexOf("/") + 1);
      await Deno.copyFile(new URL(`../../${path}`, import.meta.url), join(this.release, name));
      names.push(name);
    }
    const sums = await checksumsOf(this.release, names);
    await Deno.writeTextFile(join(this.release, "SHA256SUMS"), sums);
  }

  /** Runs a copy of the script that has nothing beside it, as one that was downloaded. */
  async install([shell = "", ...first]: readonly string[], ...args: string[]) {
    const alone = join(this.directory, "install.sh");
    await Deno.copyFile(SCRIPT, alone);
    const { code, stdout, stderr } = await new Deno.Command(shell, {
      args: [...first, alone, ...args],
      clearEnv: true,
      env: {
        PATH: Deno.env.get("PATH") ?? "",
        HOME: join(this.directory, "home"),
        CONDUCTOR_RELEASES: `http://127.0.0.1:${this.#server.addr.port}`,
      },
    }).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  /** Everything that is in a directory, by its path in it. */
  files(directory = this.root, below = ""): string[] {
    return [...Deno.readDirSync(join(directory, below))].flatMap(({ name, isDirectory }) =>
      isDirectory ? this.files(directory, join(below, name)) : [join(below, name)]
    ).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    await Deno.remove(this.directory, { recursive: true });
  }
}

const ignore = Deno.build.os === "windows";
const INSTALLED = [
  "bin/conductor",
  "share/bash-completion/completions/conductor",
  "share/conductor/installed",
  "share/fish/vendor_completions.d/conductor.fish",
  "share/man/man1/conductor-submit.1",
  "share/man/man1/conductor.1",
  "share/zsh/site-functions/_conductor",
];

Deno.test({
  name: "the installer installs the program with its pages and completions, and removes just those",
  ignore,
  async fn() {
    for (const shell of shells) {
      await using scene = await Scene.make();
      const prefix = join(scene.root, "opt");
      const done = await scene.install(shell, "--prefix", prefix, "--version", `v${VERSION}`);
      assert.equal(done.code, 0, `${shell}: ${done.stderr}`);
      assert.match(done.stdout, /conductor 9\.9\.9 is installed: .*\/opt\/bin\/conductor\n/);
      assert.deepEqual(scene.files(prefix), INSTALLED, shell.join(" "));
      assert.equal(Deno.statSync(join(prefix, "bin/conductor")).mode! & 0o777, 0o755);
      await Deno.writeTextFile(join(prefix, "bin", "another"), "");
      const removed = await scene.install(shell, "--prefix", prefix, "--uninstall");
      assert.equal(removed.code, 0, removed.stderr);
      assert.deepEqual(scene.files(prefix), ["bin/another"]);
      const again = await scene.install(shell, "--prefix", prefix, "--uninstall");
      assert.match(again.stderr, /^install: nothing is known to be installed below /);
    }
  },
});

Deno.test({
  name: "the installer refuses what is not what was released, and installs nothing of it",
  ignore,
  async fn() {
    await using scene = await Scene.make();
    for (const name of TARGETS.values()) {
      await Deno.writeTextFile(join(scene.release, name), "# changed\n", { append: true });
    }
    for (const shell of shells) {
      const { code, stderr } = await scene.install(shell, "--root", scene.root);
      assert.equal(code, 1);
      assert.match(stderr, /^install: conductor-\S+ is not what was released: SHA-256 /);
    }
    await Deno.writeTextFile(join(scene.release, "SHA256SUMS"), "");
    const unnamed = await scene.install(["sh"], "--root", scene.root);
    assert.match(unnamed.stderr, /^install: SHA256SUMS of .* does not name conductor-/);
    await Deno.remove(join(scene.release, "SHA256SUMS"));
    const missing = await scene.install(["sh"], "--root", scene.root);
    assert.match(missing.stderr, /install: cannot download .*\/SHA256SUMS\n$/);
    assert.deepEqual(scene.files(), []);
  },
});

Deno.test({
  name:
    "the installer installs units with settings that it never writes over, from the release too",
  ignore,
  async fn() {
    await using scene = await Scene.make();
    const flags = ["--root", scene.root, "--prefix", "/opt/conductor", "--systemd", "both"];
    const done = await scene.install(["sh"], ...flags);
    assert.equal(done.code, 0, done.stderr);
    const unit = join(scene.root, "etc/systemd/system/conductor-worker.service");
    const text = await Deno.readTextFile(unit);
    assert.match(text, /^ExecStart=\/opt\/conductor\/bin\/conductor worker$/m);
    const settings = join(scene.root, "etc/conductor/master.env");
    assert.equal(Deno.statSync(settings).mode! & 0o777, 0o600);
    await Deno.writeTextFile(settings, "NODE_ID=mine\n");

    await scene.publish(["conductor.1"]);
    assert.equal((await scene.install(["sh"], ...flags.slice(0, 4))).code, 0);
    assert.ok(!scene.files().some((each) => each.endsWith("conductor-submit.1")), "it is gone");
    assert.equal(await Deno.readTextFile(settings), "NODE_ID=mine\n");
    await Deno.stat(unit);

    const planned = await scene.install(["sh"], ...flags.slice(0, 4), "--uninstall", "--dry-run");
    assert.match(
      planned.stdout,
      /^would remove .*\/etc\/systemd\/system\/conductor-worker.service$/m,
    );
    await Deno.stat(unit);
    assert.equal((await scene.install(["sh"], ...flags.slice(0, 4), "--uninstall")).code, 0);
    assert.deepEqual(scene.files(), ["etc/conductor/master.env", "etc/conductor/worker.env"]);
  },
});

Deno.test({
  name: "the installer runs no text as a program, and writes no unit that systemd would misread",
  ignore,
  async fn() {
    await using scene = await Scene.make();
    const text = join(scene.directory, "notes");
    const ran = join(scene.directory, "ran");
    await Deno.writeTextFile(text, `touch ${ran}\n`);
    for (const shell of shells) {
      const refused = await scene.install(shell, "--root", scene.root, "--file", text);
      assert.equal(refused.stderr, `install: ${text} is no program\n`, shell.join(" "));
      const spaced = ["--root", scene.root, "--systemd", "both", "--prefix", "/opt/my tools"];
      const { code, stderr } = await scene.install(shell, ...spaced);
      assert.equal(code, 1);
      assert.match(
        stderr,
        /^install: --systemd needs a --prefix of letters, .*, not \/opt\/my tools$/m,
      );
    }
    await assert.rejects(Deno.stat(ran), Deno.errors.NotFound);
    assert.deepEqual(scene.files(), []);
  },
});

Deno.test({
  name: "a dry run of the installer writes and downloads nothing, and misuse is told in a line",
  ignore,
  async fn() {
    await using scene = await Scene.make();
    await Deno.remove(scene.release, { recursive: true });
    for (const shell of shells) {
      const flags = [`--root=${scene.root}`, "--dry-run", "--systemd=both"];
      const { code, stdout, stderr } = await scene.install(shell, ...flags);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^would install conductor-\S+ of http:.*, version latest$/m);
      assert.match(stdout, /conductor-worker\.service/);
      const unknown = await scene.install(shell, "--vers");
      assert.match(unknown.stderr, /^install: unknown option --vers;/);
      assert.match((await scene.install(shell, "--version")).stderr, /^install: --version needs a/);
      assert.match((await scene.install(shell, "--help")).stdout, /^Usage: sh install\.sh /);
    }
    assert.deepEqual(scene.files(), []);
  },
});

Deno.test("the installer asks for files that a release has", async () => {
  const text = await Deno.readTextFile(SCRIPT);
  const asked = [...text.matchAll(/echo (conductor-(?:linux|macos)-\S+) ;;/g)].map(([, name]) =>
    name
  );
  const released = [...TARGETS.values()].filter((name) => !name.endsWith(".exe"));
  assert.deepEqual(asked.sort(), released.sort());
});

Deno.test({
  name: `shellcheck finds nothing in the shell scripts${
    hasShellcheck ? "" : " (left out: it is not here)"
  }`,
  ignore: !hasShellcheck,
  async fn() {
    const root = fileURLToPath(new URL("../../", import.meta.url));
    const { success, stdout } = await new Deno.Command("shellcheck", {
      args: ["--external-sources", "deploy/install.sh", "scripts/build/stub.sh"]
        .concat("scripts/cluster_lib.sh", "scripts/start-cluster.sh", "scripts/start-ha-cluster.sh")
        .concat(".ci/run"),
      cwd: root,
    }).output();
    assert.ok(success, new TextDecoder().decode(stdout));
  },
});
