/**
 * `deno task screenshots`: docs/images, each page of the dashboard in light and dark, of a cluster that
 * has something to show.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { launch } from "./browser/chromium.ts";
import { conductorCommand, startCluster } from "./demo/cluster.ts";
import { pause, type Scene, Stage } from "./screenshots/stage.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const IMAGES = join(ROOT, "docs", "images");
const HANDLER = join(ROOT, "scripts", "screenshots", "handler.js");
const LOAD_SECONDS = 75;
/** For what comes with the next events. */
const SETTLE_MS = 1_600;

/** Where each picture is taken. */
function addressesOf(scene: Scene): Readonly<Record<string, string>> {
  return {
    overview: "",
    jobs: "jobs",
    job: `jobs/${scene.picture}`,
    "job-running": `jobs/${scene.running}`,
    "job-failed": `jobs/${scene.failed}`,
    "job-table": `jobs/${scene.table}`,
    graph: `jobs/${scene.graph}/graph`,
    queues: "queues",
    batch: "batches/import-2026-11",
    schedules: "schedules",
    worker: "workers/demo-worker",
    "dead-letters": "dead-letters",
    audit: "audit",
  };
}

if (import.meta.main) {
  const directory = await Deno.makeTempDir({ prefix: "conductor-screenshots-" });
  const browser = await launch();
  try {
    const cluster = await startCluster(conductorCommand(ROOT, undefined), directory, directory, [
      `--handlers=${HANDLER}`,
      "--set=worker.max_concurrent_jobs=12",
    ]);
    try {
      const stage = new Stage(cluster.httpUrl);
      await stage.prepare();
      await stage.load(LOAD_SECONDS);
      const scene = await stage.set();
      await Deno.mkdir(IMAGES, { recursive: true });
      // The charts shall have a present, too.
      const loading = stage.load(60);
      const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
      let total = 0;
      for (const [name, address] of Object.entries(addressesOf(scene))) {
        for (const colorScheme of ["light", "dark"] as const) {
          await page.emulateMedia({ colorScheme });
          total += await picture(
            page,
            stage,
            `${cluster.httpUrl}/#/${address}`,
            `${name}-${colorScheme}`,
          );
        }
      }
      console.log(`${(total / 1024).toFixed(0)} KiB in all`);
      await loading;
    } finally {
      await cluster.stop();
    }
  } finally {
    await browser.close();
    await Deno.remove(directory, { recursive: true });
  }
}

/** Resolves to its bytes. */
async function picture(page: Page, stage: Stage, url: string, name: string): Promise<number> {
  await page.goto(url);
  await page.locator("h1").waitFor();
  await pause(SETTLE_MS);
  const webp = await stage.webp(await page.screenshot());
  await Deno.writeFile(join(IMAGES, `${name}.webp`), webp);
  console.log(`docs/images/${name}.webp  ${(webp.length / 1024).toFixed(0)} KiB`);
  return webp.length;
}
