import assert from "node:assert/strict";
import { join } from "node:path";
import { onHost, run } from "./support.ts";
import { MAIN, RUNTIME_ENVIRONMENT } from "../program.ts";

/** As a shell does at the Tab key: sources the script, and asks what `line` may go on with. */
const ASK_BASH = `
source "$1"
COMP_LINE="$2" COMP_POINT=\${#2} COMP_CWORD=0 COMP_WORDS=()
compopt() { :; }
_conductor
printf '%s\n' "\${COMPREPLY[@]}"
`;

async function isInstalled(shell: string): Promise<boolean> {
  try {
    return (await new Deno.Command(shell, { args: ["--version"] }).output()).success;
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return false;
    throw failure;
  }
}

/** A directory with `conductor` in it, and a way to ask each shell with that on its PATH. */
async function withShells(
  test: (
    ask: (shell: string, args: readonly string[]) => Promise<string[]>,
    script: (shell: string) => Promise<string>,
    directory: string,
  ) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "conductor-e2e-" });
  try {
    const program = join(directory, "conductor");
    await Deno.writeTextFile(
      program,
      `#!/bin/sh\nexec "${Deno.execPath()}" run --quiet --no-check -A "${MAIN}" "$@"\n`,
    );
    await Deno.chmod(program, 0o755);
    const ask = async (shell: string, args: readonly string[]) => {
      const { stdout, stderr, success } = await new Deno.Command(shell, {
        args: [...args],
        cwd: directory,
        env: { ...RUNTIME_ENVIRONMENT, PATH: `${directory}:${Deno.env.get("PATH")}` },
      }).output();
      const decoder = new TextDecoder();
      assert.ok(success, decoder.decode(stderr));
      assert.equal(decoder.decode(stderr), "");
      return decoder.decode(stdout).split("\n").filter((line) => line !== "");
    };
    const script = async (shell: string) => {
      const path = join(directory, `completion.${shell}`);
      await Deno.writeTextFile(path, (await run(["completion", shell])).stdout);
      return path;
    };
    await test(ask, script, directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test({
  name: "bash completes commands, flags, values behind = and ids of jobs that are there",
  ignore: !await isInstalled("bash"),
  fn: () =>
    onHost(async (host) => {
      await host.startMaster();
      const submitted = await host.client("submit", "--type=custom", "--payload=x");
      const jobId = submitted.stdout.trim();
      await withShells(async (ask, script, directory) => {
        const path = await script("bash");
        const bash = (line: string) => ask("bash", ["--norc", "-c", ASK_BASH, "bash", path, line]);
        assert.deepEqual(await bash("conductor su"), ["submit"]);
        assert.deepEqual(await bash("conductor workers "), ["list", "show", "drain", "undrain"]);
        assert.deepEqual(await bash("conductor submit --pri"), ["--priority"]);
        // Bash replaces only what stands behind the =.
        assert.deepEqual(await bash("conductor status --output=j"), ["json", "jsonl"]);
        await Deno.writeTextFile(join(directory, "job.json"), "{}");
        assert.deepEqual(await bash("conductor submit --payload @job"), ["@job.json"]);
        assert.deepEqual(await bash("conductor master --config job"), ["job.json"]);
        assert.deepEqual(await bash(`conductor cancel --addr ${host.grpcAddress} `), [jobId]);
        assert.deepEqual(await bash("conductor cancel --addr 127.0.0.1:1 "), []);
      });
    }),
});

Deno.test({
  name: "fish completes by the same answers, with what they mean",
  ignore: !await isInstalled("fish"),
  fn: () =>
    withShells(async (ask, script, directory) => {
      const path = await script("fish");
      const fish = (line: string) =>
        ask("fish", ["--no-config", "-c", `source ${path}; complete -C '${line}'`]);
      assert.deepEqual(await fish("conductor su"), ["submit\tsubmit a job; prints its id"]);
      assert.deepEqual(await fish("conductor submit --output="), [
        "--output=table",
        "--output=json",
        "--output=yaml",
        "--output=jsonl",
      ]);
      await Deno.mkdir(join(directory, "a place"));
      assert.deepEqual(await fish("conductor master --config a"), ["a place/"]);
      assert.deepEqual(await fish("conductor master --config=a"), ["--config=a place/"]);
    }),
});

Deno.test({
  name: "zsh accepts its script and knows a completion for conductor then",
  ignore: !await isInstalled("zsh"),
  fn: () =>
    withShells(async (ask, script) => {
      const path = await script("zsh");
      const commands = `autoload -Uz compinit; compinit -u -D; source ${path}; ` +
        "print -r -- $_comps[conductor]";
      assert.deepEqual(await ask("zsh", ["-f", "-c", commands]), ["_conductor"]);
    }),
});
