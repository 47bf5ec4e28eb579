/**
 * `deno task time:first-steps`: how long a stranger takes from a clone to what the documentation shows
 * first, done as they do it: with Node and npm alone, in an empty home, by the pages' own commands. Each
 * is done twice, the second time with what the first has left in npm's and Deno's caches.
 *
 * Ports are free ones in place of the default ones, so that it runs beside other clusters.
 *
 * @module
 */

import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePorts } from "./demo/cluster.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const PROGRAM = "npx -y deno@2.9.6 run -A main.ts";
/** What may be in the way of one command, in s: a busy machine, a slow registry. */
const PATIENCE_S = 600;

/** A fresh clone, the home of who made it, and a clock that began with it. */
class Stranger {
  readonly #home: string;
  readonly #clone: string;
  readonly #startedMs = performance.now();
  readonly #running: Deno.ChildProcess[] = [];

  private constructor(home: string, clone: string) {
    this.#home = home;
    this.#clone = clone;
  }

  static async arrives(home: string, clone: string): Promise<Stranger> {
    const stranger = new Stranger(home, clone);
    await stranger.#run(`git clone --quiet ${ROOT} ${clone}`, home);
    return stranger;
  }

  get seconds(): number {
    return (performance.now() - this.#startedMs) / 1000;
  }

  /** Runs a command in the clone to its end. */
  async does(command: string): Promise<string> {
    return await this.#run(command, this.#clone);
  }

  /** Starts one that stays, and waits until `sign` is true of it. */
  async starts(command: string, sign: () => Promise<boolean>): Promise<void> {
    const process = this.#command(command, this.#clone, "null").spawn();
    this.#running.push(process);
    let isOver = false;
    process.status.then(() => isOver = true);
    while (!await sign()) {
      if (isOver) throw new Error(`\`${command}\` has ended`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async writes(name: string, text: string): Promise<void> {
    await Deno.writeTextFile(join(this.#clone, name), text);
  }

  async reads(name: string): Promise<string> {
    return await Deno.readTextFile(join(this.#clone, name));
  }

  /** Ctrl-C in each terminal, the last one first. */
  async leaves(): Promise<void> {
    for (const process of this.#running.reverse()) {
      // The whole group, as a terminal does it.
      Deno.kill(-process.pid, "SIGINT");
      await process.status;
    }
    await Deno.remove(this.#clone, { recursive: true });
  }

  async #run(command: string, directory: string): Promise<string> {
    const bounded = `timeout ${PATIENCE_S} ${command}`;
    const output = await this.#command(bounded, directory, "piped").output();
    const decoder = new TextDecoder();
    if (output.success) return decoder.decode(output.stdout);
    throw new Error(`\`${command}\`: ${decoder.decode(output.stderr).trim().slice(-500)}`);
  }

  #command(command: string, cwd: string, output: "piped" | "null"): Deno.Command {
    return new Deno.Command("sh", {
      args: ["-c", `exec ${command}`],
      cwd,
      clearEnv: true,
      // What is installed for all users is not there: a Deno of this machine's would be taken for npm's.
      env: { ...passedOn(), HOME: this.#home, npm_config_prefix: join(this.#home, "global") },
      stdin: "null",
      stdout: output,
      stderr: output,
      detached: output === "null",
    });
  }
}

/** Where programs are, and how the registry is reached: no stranger has less. */
function passedOn(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([name]) =>
      /^(PATH|LANG|.*_proxy|npm_config_registry|SSL_CERT_FILE|NODE_EXTRA_CA_CERTS|DENO_TLS_CA_STORE|DENO_CERT)$/i
        .test(name)
    ),
  );
}

async function isReady(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/ready`);
    await response.body?.cancel();
    return response.ok;
  } catch (failure) {
    if (failure instanceof TypeError) return false;
    throw failure;
  }
}

/** README, "See it". */
async function firstJob(stranger: Stranger): Promise<number> {
  await stranger.does("npx -y deno@2.9.6 task demo");
  return stranger.seconds;
}

/** `deno task ha-cluster`, and docs/getting-started.md, "When the leader dies". */
async function threeMasters(stranger: Stranger): Promise<number> {
  const [offset = 0] = freePorts(1).map((port) => port % 20_000 + 10_000);
  const at = (port: number) => port + offset;
  await stranger.starts(
    `env PORT_OFFSET=${offset} npx -y deno@2.9.6 task ha-cluster`,
    () => isReady(at(8083)),
  );
  const addresses = [9000, 9002, 9004].map((port) => `localhost:${at(port)}`).join();
  const { members } = JSON.parse(
    await stranger.does(`${PROGRAM} cluster members --addr ${addresses} -o json`),
  ) as { readonly members: readonly { readonly id: string; readonly role: string }[] };
  const leader = members.find(({ role }) => role === "leader");
  if (leader === undefined) throw new Error("no member leads");
  const pid = await stranger.reads(join(".conductor", "run", `${leader.id}.pid`));
  Deno.kill(Number(pid), "SIGKILL");
  const payload = `'{"duration":"100ms"}'`;
  await stranger.does(
    `${PROGRAM} submit --addr ${addresses} --type test_sleep --payload ${payload} --wait`,
  );
  return stranger.seconds;
}

/** docs/custom-workers.md, "Handlers in a file". */
async function ownJobType(stranger: Stranger): Promise<number> {
  const [grpc, raft, http, metrics, workerHttp] = freePorts(5);
  await stranger.writes(
    "greet.js",
    "export function greet(payload, context) {\n  context.log(`greeting ${payload.name}`);\n" +
      "  return { greeting: `Hello, ${payload.name}!` };\n}\n",
  );
  const addr = `localhost:${grpc}`;
  await stranger.starts(
    `${PROGRAM} master --bootstrap --data-dir data --grpc-port ${grpc} --http-port ${http} ` +
      `--bind-addr 127.0.0.1:${raft} --metrics-port ${metrics}`,
    () => isReady(http!),
  );
  await stranger.starts(
    `${PROGRAM} worker --worker-id greeter --join ${addr} --handlers ./greet.js ` +
      `--data-dir data/worker --grpc-port 0 --http-port ${workerHttp}`,
    () => isReady(workerHttp!),
  );
  const answer = await stranger.does(
    `${PROGRAM} submit --addr ${addr} --type greet --payload '{"name":"Ada"}' --wait`,
  );
  if (!answer.includes("Hello, Ada!")) throw new Error(`the answer was ${answer}`);
  return stranger.seconds;
}

const STEPS = [
  ["the first finished job", firstJob],
  ["three masters, kill -9 of the leader, a job done after it", threeMasters],
  ["a job type of one's own has run", ownJobType],
] as const;

async function main(): Promise<void> {
  const scratch = await Deno.makeTempDir({ prefix: "conductor-first-steps-" });
  const load = (loadavg()[0] ?? 0).toFixed(1);
  console.log(`Seconds from \`git clone\`, on ${cpus().length} processors at a load of ${load}:`);
  console.log("empty caches  warm caches");
  try {
    for (const [index, [what, take]] of STEPS.entries()) {
      const home = join(scratch, `home-${index}`);
      await Deno.mkdir(home);
      const taken: number[] = [];
      for (const turn of ["cold", "warm"]) {
        const stranger = await Stranger.arrives(home, join(scratch, `clone-${index}-${turn}`));
        try {
          taken.push(await take(stranger));
        } finally {
          await stranger.leaves();
        }
      }
      const [cold, warm] = taken.map((seconds) => seconds.toFixed(1).padStart(12));
      console.log(`${cold} ${warm}  ${what}`);
    }
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

if (import.meta.main) await main();
