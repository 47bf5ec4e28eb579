/**
 * `deno task stop`: ends the processes that the cluster scripts started, known by the pid files in
 * `.conductor/run`, and nothing else.
 *
 * @module
 */

const RUN = new URL("../.conductor/run/", import.meta.url);
const STOP_WAIT_MS = 15_000;

/** Whether `pid` is alive and is a conductor: a pid may have been given to a stranger since. */
async function isOurs(pid: number): Promise<boolean> {
  const { success, stdout } = await new Deno.Command("ps", {
    args: ["-o", "args=", "-p", String(pid)],
  }).output();
  return success && /conductor|main\.ts/.test(new TextDecoder().decode(stdout));
}

async function ended(pid: number): Promise<boolean> {
  for (const started = Date.now(); Date.now() - started < STOP_WAIT_MS;) {
    if (!await isOurs(pid)) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

async function pidFiles(): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(RUN))).map((entry) => entry.name)
      .filter((name) => name.endsWith(".pid")).sort();
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return [];
    throw failure;
  }
}

let stopped = 0;
// Workers first, so that they can hand back what they run.
for (const name of (await pidFiles()).sort((a, b) => b.localeCompare(a))) {
  const file = new URL(name, RUN);
  const pid = Number((await Deno.readTextFile(file)).trim());
  if (Number.isInteger(pid) && await isOurs(pid)) {
    Deno.kill(pid, "SIGTERM");
    if (!await ended(pid)) Deno.kill(pid, "SIGKILL");
    console.log(`stopped ${name.replace(".pid", "")} (pid ${pid})`);
    stopped++;
  }
  await Deno.remove(file);
}
if (stopped === 0) console.log("nothing of ours is running");
