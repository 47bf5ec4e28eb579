/**
 * `deno task stop`: ends the processes that the cluster scripts started, known by the pid files in
 * `.conductor/run` (or `$CLUSTER_STATE/run`), and nothing else.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";

const STATE = Deno.env.get("CLUSTER_STATE") ??
  fileURLToPath(new URL("../.conductor", import.meta.url));
const STOP_WAIT_MS = 15_000;

/** The command line of a process; empty when it is gone. `ps` is not everywhere, `/proc` neither. */
async function commandLine(pid: number): Promise<string> {
  try {
    return (await Deno.readTextFile(`/proc/${pid}/cmdline`)).replaceAll("\0", " ");
  } catch (failure) {
    if (!(failure instanceof Deno.errors.NotFound)) throw failure;
  }
  if (Deno.build.os === "linux") return "";
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "args=", "-p", String(pid)] })
    .output();
  return new TextDecoder().decode(stdout);
}

/** Whether `pid` runs and was started by our scripts: a pid may have been given to a stranger since. */
async function isOurs(pid: number, name: string): Promise<boolean> {
  return (await commandLine(pid)).includes(join(STATE, "logs", `${name}.log`));
}

async function ended(pid: number, name: string): Promise<boolean> {
  for (const started = Date.now(); Date.now() - started < STOP_WAIT_MS;) {
    if (!await isOurs(pid, name)) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

async function namesWithPid(): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(join(STATE, "run"))))
      .map((entry) => entry.name)
      .filter((name) => name.endsWith(".pid"))
      .map((name) => name.slice(0, -".pid".length));
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return [];
    throw failure;
  }
}

let stopped = 0;
// Workers first, so that they can hand back what they run.
for (const name of (await namesWithPid()).sort((a, b) => rank(a) - rank(b) || b.localeCompare(a))) {
  const file = join(STATE, "run", `${name}.pid`);
  const pid = Number((await Deno.readTextFile(file)).trim());
  if (Number.isInteger(pid) && pid > 0 && await isOurs(pid, name)) {
    Deno.kill(pid, "SIGTERM");
    if (!await ended(pid, name)) Deno.kill(pid, "SIGKILL");
    console.log(`stopped ${name} (pid ${pid})`);
    stopped++;
  }
  await Deno.remove(file).catch((failure) => {
    if (!(failure instanceof Deno.errors.NotFound)) throw failure; // the script was quicker
  });
}
if (stopped === 0) console.log("nothing of ours is running");

function rank(name: string): number {
  return name.endsWith("worker") ? 0 : 1;
}
