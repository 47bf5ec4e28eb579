/**
 * `deno task demo`: a master and a worker as processes of their own on free loopback ports, the
 * repository's samples served over HTTP, one job of each type, followed live, results for reading, and
 * the dashboard's address. Everything is stopped and removed at the end, whatever happened; with
 * `--keep` the end is Ctrl-C.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import colors from "picocolors";
import { type Cluster, conductorCommand, startCluster } from "./demo/cluster.ts";
import { demoJobs } from "./demo/jobs.ts";
import { serveDirectory } from "./demo/site.ts";
import { followAll } from "./demo/follow.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const style = colors.createColors(
  Deno.stdout.isTerminal() && (Deno.env.get("NO_COLOR") ?? "") === "",
);

/** What ends the demo before its time. */
class Interruption extends Error {}

/**
 * Runs the demo; resolves to whether every job completed.
 *
 * @param isKept it stays up until Ctrl-C, which is its end and no interruption
 * @throws Interruption after Ctrl-C, when everything is stopped.
 */
async function demo(binary: string | undefined, isKept: boolean): Promise<boolean> {
  const directory = await Deno.makeTempDir({ prefix: "conductor-demo-" });
  const outputs = await Deno.makeTempDir({ prefix: "conductor-demo-output-" });
  const site = serveDirectory(join(ROOT, "scripts", "samples"));
  const interrupted = Promise.withResolvers<never>();
  const interrupt = () => interrupted.reject(new Interruption("interrupted"));
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, interrupt);
  const starting = startCluster(conductorCommand(ROOT, binary), directory, outputs);
  try {
    const cluster = await Promise.race([starting, interrupted.promise]);
    const isWhole = await Promise.race([
      runJobs(cluster, site.url, outputs),
      interrupted.promise,
    ]);
    say(`The dashboard: ${style.bold(`${cluster.httpUrl}/`)}`);
    if (isKept) {
      say(`It stays up, and takes jobs at ${cluster.grpcAddress}. Ctrl-C stops everything.`);
      await interrupted.promise.catch((failure) => {
        if (!(failure instanceof Interruption)) throw failure;
      });
    } else say("With --keep it stays up.");
    say("");
    return isWhole;
  } finally {
    const [started] = await Promise.allSettled([starting]);
    if (started.status === "fulfilled") await started.value.stop();
    await site.stop();
    await Deno.remove(directory, { recursive: true });
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      Deno.removeSignalListener(signal, interrupt);
    }
  }
}

async function runJobs(cluster: Cluster, site: string, outputs: string): Promise<boolean> {
  say(`Samples are served at ${site}`);
  say(`The master listens on ${cluster.grpcAddress} (gRPC) and ${cluster.httpUrl} (HTTP)`);
  say("");
  const jobs = demoJobs(site, outputs);
  for (const job of jobs) {
    say(`${style.dim("$")} conductor submit --type ${job.type} --payload '${job.payload}' --wait`);
  }
  say("");
  const finished = await followAll(cluster.grpcAddress, jobs, style, say);
  for (const { job, definition } of finished) {
    say("");
    say(style.bold(`${definition.title}`));
    const output = new TextDecoder().decode(job.result?.output);
    if (job.status === "completed") {
      definition.describe(output).forEach((line) => say(`  ${line}`));
    } else say(`  ${style.red(job.status)}: ${job.errorMessage}`);
  }
  say("");
  return finished.every(({ job }) => job.status === "completed");
}

/** `--binary FILE`: run that in place of the source. */
function binaryFlag(args: readonly string[]): string | undefined {
  const position = args.indexOf("--binary");
  return position < 0 ? undefined : args[position + 1];
}

function say(line: string): void {
  console.log(line);
}

if (import.meta.main) {
  const startedMs = performance.now();
  const seconds = () => `${((performance.now() - startedMs) / 1000).toFixed(1)} s`;
  try {
    const isWhole = await demo(binaryFlag(Deno.args), Deno.args.includes("--keep"));
    say(
      isWhole
        ? `${style.green("Every job completed")}; everything was stopped after ${seconds()}.`
        : `${style.red("Not every job completed")} (${seconds()}).`,
    );
    if (!isWhole) Deno.exitCode = 1;
  } catch (failure) {
    if (!(failure instanceof Interruption)) throw failure;
    say(`Interrupted; everything was stopped after ${seconds()}.`);
    // Watches of jobs that will never end may still be open.
    Deno.exit(130);
  }
}
