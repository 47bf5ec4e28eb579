/**
 * `deno task demo`: a master and a worker as processes of their own on free loopback ports, the
 * repository's samples served over HTTP, one job of each type, followed live, results for reading.
 * Everything is stopped and removed at the end, whatever happened.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import colors from "picocolors";
import { conductorCommand, startCluster } from "./demo/cluster.ts";
import { demoJobs } from "./demo/jobs.ts";
import { serveDirectory } from "./demo/site.ts";
import { followAll } from "./demo/follow.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const style = colors.createColors(
  Deno.stdout.isTerminal() && (Deno.env.get("NO_COLOR") ?? "") === "",
);

/** Runs the demo; resolves to whether every job completed. */
async function demo(binary: string | undefined): Promise<boolean> {
  const directory = await Deno.makeTempDir({ prefix: "conductor-demo-" });
  const outputs = await Deno.makeTempDir({ prefix: "conductor-demo-output-" });
  const site = serveDirectory(join(ROOT, "scripts", "samples"));
  const cluster = await startCluster(conductorCommand(ROOT, binary), directory, outputs);
  try {
    say(`Samples are served at ${site.url}`);
    say(`The master listens on ${cluster.grpcAddress} (gRPC) and ${cluster.httpUrl} (HTTP)`);
    say("");
    const jobs = demoJobs(site.url, outputs);
    for (const job of jobs) {
      say(
        `${style.dim("$")} conductor submit --type ${job.type} --payload '${job.payload}' --wait`,
      );
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
  } finally {
    await cluster.stop();
    await site.stop();
    await Deno.remove(directory, { recursive: true });
  }
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
  const isWhole = await demo(binaryFlag(Deno.args));
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  say(
    isWhole
      ? `${style.green("Every job completed")}; everything was stopped after ${seconds} s.`
      : `${style.red("Not every job completed")} (${seconds} s).`,
  );
  if (!isWhole) Deno.exitCode = 1;
}
