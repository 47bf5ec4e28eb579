/**
 * `deno task bench:dashboard`: what the dashboard costs those who look at it, and the master that they
 * look at. One master and one worker as processes, Chromium beside them on the same processors, which
 * is the worst place for it.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Browser, Page } from "playwright-core";
import { launch } from "../scripts/browser/chromium.ts";
import { conductorCommand, startCluster } from "../scripts/demo/cluster.ts";
import { pause, Stage } from "../scripts/screenshots/stage.ts";
import { cpuMsOf } from "./suite/meter.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const LISTED = 10_000;
const CHUNK = 1_000;
const OPEN = 20;
const WINDOW_MS = 12_000;

if (import.meta.main) {
  const { values } = parseArgs({ options: { help: { type: "boolean", default: false } } });
  if (values.help) {
    console.log("deno task bench:dashboard takes no flags; it needs Chromium, and a minute or two");
    Deno.exit(0);
  }
  const directory = await Deno.makeTempDir({ prefix: "conductor-bench-" });
  const browser = await launch();
  try {
    const flags = ["--set=worker.max_concurrent_jobs=12"];
    const cluster = await startCluster(
      conductorCommand(ROOT, undefined),
      directory,
      directory,
      flags,
    );
    try {
      const stage = new Stage(cluster.httpUrl);
      const master = masterProcess(directory);
      await paint(browser, cluster.httpUrl);
      await load(cluster.httpUrl, stage, master);
      await scroll(browser, cluster.httpUrl, stage);
    } finally {
      await cluster.stop();
    }
  } finally {
    await browser.close();
    await Deno.remove(directory, { recursive: true });
  }
}

/** How long until something is seen: with nothing kept, and with the files kept. */
async function paint(browser: Browser, url: string): Promise<void> {
  const firsts: number[] = [];
  const agains: number[] = [];
  for (let round = 0; round < 5; round++) {
    const context = await browser.newContext();
    const page = await context.newPage();
    firsts.push(await contentMs(page, `${url}/`));
    agains.push(await contentMs(page, `${url}/`));
    await context.close();
  }
  console.log(`the overview with its numbers: ${median(firsts)} ms, again ${median(agains)} ms`);
}

/** From the call until the first tile is there. */
async function contentMs(page: Page, url: string): Promise<number> {
  const startedMs = performance.now();
  await page.goto(url);
  await page.locator(".tile").first().waitFor();
  return Math.round(performance.now() - startedMs);
}

/** The master's processor time, and what clients wait, with none open and with many. */
async function load(url: string, stage: Stage, master: number): Promise<void> {
  const measure = async () => {
    const beforeMs = cpuMsOf(master);
    const startedMs = performance.now();
    const waits: number[] = [];
    while (performance.now() - startedMs < WINDOW_MS) {
      const askedMs = performance.now();
      await stage.submit("noop", {});
      waits.push(performance.now() - askedMs);
      await pause(20);
    }
    const seconds = (performance.now() - startedMs) / 1_000;
    const share = (cpuMsOf(master) - beforeMs) / 1_000 / seconds;
    return { share, wait: median(waits) };
  };
  const none = await measure();
  // Streams, as browsers hold them: one a dashboard. Windows would only add Chromium's own work,
  // on the same processors.
  const ends = new AbortController();
  for (let each = 0; each < OPEN; each++) {
    const { body } = await fetch(`${url}/api/v1/events`, { signal: ends.signal });
    body?.pipeTo(new WritableStream()).catch(() => {}); // it ends with the measurement
  }
  const many = await measure();
  ends.abort();
  for (const [open, { share, wait }] of [[0, none], [OPEN, many]] as const) {
    console.log(
      `${open} open: the master uses ${(share * 100).toFixed(1)}% of a processor at some 40 jobs ` +
        `a second; a submission waits ${wait.toFixed(1)} ms (median)`,
    );
  }
}

/** Frames and long scripts while a long list is scrolled to its end. */
async function scroll(browser: Browser, url: string, stage: Stage): Promise<void> {
  const job = { type: "noop", payload: "", options: { queue: "heap" } };
  await stage.api("queues/heap/configure", { paused: true });
  for (let sent = 0; sent < LISTED; sent += CHUNK) {
    await stage.api("jobs/submit-many", { jobs: Array.from({ length: CHUNK }, () => job) });
  }
  const page = await browser.newPage();
  await page.goto(`${url}/#/jobs?queue=heap`);
  await page.locator(".scroller tbody tr").first().waitFor();
  const { frames, late, longest, rows } = await page.evaluate<Scrolled>(scrollScript());
  console.log(
    `${LISTED} jobs scrolled through in ${frames} frames, ${late} of them later than 50 ms; the ` +
      `longest script took ${longest} ms; ${rows} rows were in the document`,
  );
}

interface Scrolled {
  readonly frames: number;
  readonly late: number;
  /** In ms. */
  readonly longest: number;
  /** In the document at once, at most. */
  readonly rows: number;
}

/** Runs in the page, which is why it is a text: nothing here knows a browser's types. */
function scrollScript(): string {
  return `(async () => {
  const tasks = [0];
  new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => tasks.push(duration)))
    .observe({ type: "longtask" });
  const scroller = document.querySelector(".scroller");
  const table = scroller.querySelector("table");
  const last = () => [...scroller.querySelectorAll("tr[aria-rowindex]")].at(-1)?.getAttribute("aria-rowindex");
  let frames = 0, late = 0, rows = 0, before = performance.now();
  while (last() !== table.getAttribute("aria-rowcount")) {
    scroller.scrollTop += 400;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    if (now - before > 50) late++;
    before = now;
    frames++;
    rows = Math.max(rows, scroller.querySelectorAll("tbody tr").length);
  }
  return { frames, late, rows, longest: Math.round(Math.max(...tasks)) };
})()`;
}

/** The process that has its data below the directory. */
function masterProcess(directory: string): number {
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const command = Deno.readTextFileSync(`/proc/${name}/cmdline`);
      if (command.includes(`--data-dir=${directory}/master`)) return Number(name);
    } catch (failure) {
      if (!(failure instanceof Deno.errors.NotFound)) throw failure; // it has ended meanwhile
    }
  }
  throw new Error("the master's process is not found");
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}
