import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { eventually } from "./support.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Those of the script, as it says itself. */
const PORTS = [7000, 7001, 7002, 8080, 8081, 8082, 8083, 9000, 9001, 9002, 9004, 9090, 9091, 9092];

Deno.test({
  name: "the cluster scripts start what they say, and stop that and nothing else, even when killed",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const state = await Deno.makeTempDir({ prefix: "conductor-ha-script-" });
    const environment = { CLUSTER_STATE: state, PORT_OFFSET: String(freeOffset()) };
    // Whose pid is in files that outlived their process.
    const stranger = new Deno.Command("sleep", { args: ["600"] }).spawn();
    await Deno.mkdir(join(state, "run"));
    const leaveBehind = (name: string) =>
      Deno.writeTextFile(join(state, "run", `${name}.pid`), String(stranger.pid));
    await leaveBehind("ha-worker");
    const pids: number[] = [];
    try {
      const killed = await startScript("start-ha-cluster.sh", environment);
      pids.push(...await pidsOf(state));
      assert.equal(pids.length, 4);
      killed.script.kill("SIGKILL");
      await allEnd(pids.splice(0));

      const interrupted = await startScript("start-ha-cluster.sh", environment);
      pids.push(...await pidsOf(state));
      // Ctrl-C reaches everybody at the terminal.
      for (const pid of [interrupted.script.pid, ...pids]) Deno.kill(pid, "SIGINT");
      assert.equal((await interrupted.script.status).code, 130);
      await allEnd(pids.splice(0));
      const log = await Deno.readTextFile(join(state, "logs", "ha-worker.log"));
      assert.match(log.trim().split("\n").at(-1)!, /worker stopped/, "it was not let finish");

      const stopped = await startScript("start-cluster.sh", environment);
      pids.push(...await pidsOf(state));
      // What answers at its port is not what it started, and the cluster of that script would not be up.
      const second = await new Deno.Command("sh", {
        ...scriptOptions("start-cluster.sh", { ...environment, CLUSTER_STATE: join(state, "2nd") }),
        stderr: "piped",
      }).output();
      assert.equal(second.code, 1);
      assert.match(new TextDecoder().decode(second.stderr), /^master: another process uses port/);
      await leaveBehind("ha-worker");
      const { stdout, success } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", join(ROOT, "scripts", "stop.ts")],
        env: environment,
      }).output();
      assert.ok(success);
      assert.equal(new TextDecoder().decode(stdout).match(/^stopped /gm)?.length, 2);
      assert.equal((await stopped.script.status).code, 0);
      await allEnd(pids.splice(0));

      assert.equal(await isRunning(stranger.pid), true, "a stranger was ended");
    } finally {
      for (const pid of pids) if (await isRunning(pid)) Deno.kill(pid, "SIGKILL");
      stranger.kill("SIGKILL");
      await stranger.status;
      await Deno.remove(state, { recursive: true });
    }
  },
});

function scriptOptions(name: string, environment: Record<string, string>): Deno.CommandOptions {
  return {
    args: [join(ROOT, "scripts", name)],
    env: { PATH: `${join(Deno.execPath(), "..")}:${Deno.env.get("PATH")}`, ...environment },
    stdin: "null",
  };
}

/** Runs a script until it says that the cluster is up, which it then is. */
async function startScript(name: string, environment: Record<string, string>) {
  const script = new Deno.Command("sh", {
    ...scriptOptions(name, environment),
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let said = "";
  const listen = async (stream: ReadableStream<Uint8Array>) => {
    for await (const bytes of stream) said += new TextDecoder().decode(bytes);
  };
  const reading = Promise.all([listen(script.stdout), listen(script.stderr)]);
  const ended = script.status.then(({ code }) => code);
  await eventually("the cluster is up", async () => {
    const code = await Promise.race([ended, Promise.resolve(undefined)]);
    assert.equal(code, undefined, `the script ended with ${code}: ${said}`);
    return /^Cluster is up/m.test(said) ? true : undefined;
  });
  reading.catch((failure) => console.error(failure));
  for (const port of name === "start-cluster.sh" ? [8080] : [8080, 8081, 8082]) {
    const url = `http://127.0.0.1:${port + Number(environment.PORT_OFFSET)}/cluster/status`;
    const status = await (await fetch(url)).json();
    const masters = name === "start-cluster.sh" ? 1 : 3;
    assert.equal(status.servers.length, masters, `${url} does not know all`);
  }
  return { script };
}

/** What the pid files of a cluster say. */
async function pidsOf(state: string): Promise<number[]> {
  const pids: number[] = [];
  for await (const { name } of Deno.readDir(join(state, "run"))) {
    if (!name.endsWith(".pid")) continue;
    pids.push(Number(await Deno.readTextFile(join(state, "run", name))));
  }
  return pids;
}

async function allEnd(pids: readonly number[]): Promise<void> {
  await eventually("every node has ended", async () => {
    const running = await Promise.all(pids.map(isRunning));
    return running.includes(true) ? undefined : true;
  });
}

/** A zombie has no command line. */
async function isRunning(pid: number): Promise<boolean> {
  try {
    return (await Deno.readTextFile(`/proc/${pid}/cmdline`)) !== "";
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return false;
    throw failure;
  }
}

/** What to add to the script's ports so that nobody uses one of them. */
function freeOffset(): number {
  for (;;) {
    const offset = 5_000 + Math.floor(Math.random() * 14_000);
    const listeners: Deno.TcpListener[] = [];
    try {
      for (const port of PORTS) {
        listeners.push(Deno.listen({ hostname: "127.0.0.1", port: port + offset }));
      }
      return offset;
    } catch (failure) {
      if (!(failure instanceof Deno.errors.AddrInUse)) throw failure;
    } finally {
      for (const listener of listeners) listener.close();
    }
  }
}
