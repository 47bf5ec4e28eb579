/**
 * `deno task demo:jobs`: what jobs can do, as a tour of `conductor` commands that are really run,
 * with their real answers, on a master and a worker of its own. Everything is stopped and removed at
 * the end, whatever happened.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import colors from "picocolors";
import {
  dependencies,
  fairness,
  poison,
  productPage,
  runaway,
  schedule,
  thousand,
  waiting,
} from "./demo/chapters.ts";
import { conductorCommand, startCluster } from "./demo/cluster.ts";
import { Tour } from "./demo/tour.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const style = colors.createColors(
  Deno.stdout.isTerminal() && (Deno.env.get("NO_COLOR") ?? "") === "",
);

/** What ends the tour before its time. */
class Interruption extends Error {}

async function tour(binary: string | undefined): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "conductor-tour-" });
  const command = conductorCommand(ROOT, binary);
  const shop = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => answerFor(new URL(request.url).pathname),
  );
  const interrupted = Promise.withResolvers<never>();
  const interrupt = () => interrupted.reject(new Interruption("interrupted"));
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, interrupt);
  const starting = startCluster(command, directory, directory, [
    `--handlers=${join(ROOT, "scripts", "demo", "report_handler.js")}`,
  ]);
  try {
    const cluster = await Promise.race([starting, interrupted.promise]);
    const guide = new Tour(command, cluster.grpcAddress, style, (line) => console.log(line));
    const stage = { directory, site: `http://127.0.0.1:${shop.addr.port}` };
    for (
      const chapter of [dependencies, schedule, runaway, poison, fairness, waiting, thousand]
    ) {
      await Promise.race([chapter(guide, stage), interrupted.promise]);
    }
  } finally {
    const [started] = await Promise.allSettled([starting]);
    if (started.status === "fulfilled") await started.value.stop();
    await shop.shutdown();
    await Deno.remove(directory, { recursive: true });
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      Deno.removeSignalListener(signal, interrupt);
    }
  }
}

/** How long the shop takes for a page, so that a reader sees the report wait. */
const PAGE_MS = 300;

async function answerFor(path: string): Promise<Response> {
  await new Promise((resolve) => setTimeout(resolve, PAGE_MS));
  const number = /^\/products\/(\d+)$/.exec(path)?.[1];
  if (number === undefined) return new Response("not found\n", { status: 404 });
  return new Response(productPage(Number(number)), {
    headers: { "content-type": "text/html; charset=utf-8" },
  });
}

if (import.meta.main) {
  const startedMs = performance.now();
  const seconds = () => `${((performance.now() - startedMs) / 1000).toFixed(1)} s`;
  const position = Deno.args.indexOf("--binary");
  try {
    await tour(position < 0 ? undefined : Deno.args[position + 1]);
    console.log(`\n${style.green("All went as it should")}; stopped after ${seconds()}.`);
  } catch (failure) {
    if (!(failure instanceof Interruption)) throw failure;
    console.log(`Interrupted; everything was stopped after ${seconds()}.`);
    Deno.exit(130);
  }
}
