import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { eventually } from "./support.ts";

const CHAOS = fileURLToPath(new URL("chaos.ts", import.meta.url));

/** Running processes that name `directory` in their arguments. */
function processesOf(directory: string): string[] {
  return [...Deno.readDirSync("/proc")].filter(({ name }) => /^\d+$/.test(name))
    .map(({ name }) => argumentsOf(name))
    .filter((each) => each.includes(directory));
}

/** Empty for one that has ended. */
function argumentsOf(pid: string): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`).replaceAll("\0", " ");
  } catch (failure) {
    const isGone = failure instanceof Deno.errors.NotFound ||
      (failure instanceof Error && "code" in failure && failure.code === "ESRCH");
    if (isGone) return "";
    throw failure;
  }
}

Deno.test("a Ctrl-C while a cluster starts leaves no process and no file behind", async () => {
  const directory = await Deno.makeTempDir({ prefix: "conductor-interrupt-" });
  try {
    const chaos = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", "-A", CHAOS, "--rounds=1", "--masters=1"],
      env: { TMPDIR: directory },
      stdout: "null",
      stderr: "null",
    }).spawn();
    // Its workers are still to be started, by whoever does not know that all is over.
    await eventually(
      "its master runs",
      () => Promise.resolve(processesOf(directory).length > 0 ? true : undefined),
    );
    // Once from the terminal, once from `deno task`.
    chaos.kill("SIGINT");
    chaos.kill("SIGINT");
    assert.equal((await chaos.status).code, 130);
    assert.deepEqual(processesOf(directory), []);
    assert.deepEqual([...Deno.readDirSync(directory)], []);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
