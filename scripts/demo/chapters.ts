/**
 * The chapters of the tour of jobs. Each makes its jobs, waits for what it says it shows, and throws
 * when that does not happen.
 *
 * @module
 */

import { join } from "node:path";
import type { Tour } from "./tour.ts";

/** Where a chapter may put files, and where pages are to be scraped. */
export interface Stage {
  readonly directory: string;
  readonly site: string;
}

interface JobJson {
  readonly id: string;
  readonly status: string;
  readonly created_at: string;
  readonly completed_at?: string;
  readonly attempt: number;
}

interface Page {
  readonly jobs: readonly JobJson[];
  readonly total: number;
}

const PRODUCTS = 50;

/** A page of the shop that the tour scrapes. */
export function productPage(number: number): string {
  const price = (4 + (number * 37) % 90 + (number % 4) / 4).toFixed(2);
  return `<!doctype html><title>Product ${number}</title><h1>Product ${number}</h1>` +
    `<p>It costs <span class="price">${price}</span>.</p>`;
}

/** Scrape, analyse, report: jobs that wait for each other, with a fan-out of 50. */
export async function dependencies(tour: Tour, { directory, site }: Stage): Promise<void> {
  tour.chapter(
    "A graph of jobs: 50 pages are scraped, then analysed together, then reported",
    "Each job names those that it depends on by their ref; the report is a custom type.",
  );
  const pages = Array.from({ length: PRODUCTS }, (_, number) => ({
    ref: `page-${number}`,
    type: "web_scraping",
    payload: { url: `${site}/products/${number}`, selectors: { name: "h1", price: ".price" } },
  }));
  const analysis = {
    ref: "analysis",
    type: "data_analysis",
    depends_on: pages.map(({ ref }) => ref),
    payload: {
      parents: true,
      operations: [{
        type: "sql",
        name: "prices",
        query: "SELECT count(*) AS products, min(price) AS cheapest, max(price) AS dearest, " +
          "round(avg(price), 2) AS mean " +
          "FROM (SELECT CAST(json_extract(data, '$.price') AS REAL) AS price FROM data)",
      }],
    },
  };
  const report = { ref: "report", type: "report", depends_on: ["analysis"] };
  const file = join(directory, "graph.jsonl");
  const jobs = [report, analysis, ...pages];
  await Deno.writeTextFile(file, jobs.map((job) => `${JSON.stringify(job)}\n`).join(""));
  await tour.show(["batch", "submit", file, "--batch", "graph"]);
  const reports = await tour.json<Page>(["list", "--batch", "graph", "--type", "report"]);
  await tour.show(["explain", reports.jobs[0]!.id]);
  await tour.show(["batch", "wait", "graph"]);
  await tour.show(["result", reports.jobs[0]!.id]);
}

/** A schedule that fires every second. */
export async function schedule(tour: Tour): Promise<void> {
  tour.chapter("A cron schedule: one job a second, whatever happens to the leader");
  await tour.show([
    "schedule",
    "add",
    "every-second",
    "--cron",
    "* * * * * *",
    "--tz",
    "Europe/Berlin",
    "--type",
    "noop",
  ]);
  await tour.until(
    "the schedule made three jobs",
    () => tour.json<Page>(["list", "--type", "noop", "--status", "completed"]),
    ({ total }) => total >= 3,
  );
  await tour.show(["schedule", "show", "every-second"]);
  await tour.show(["schedule", "remove", "every-second"]);
}

/** A job that would run for an hour. */
export async function runaway(tour: Tour): Promise<void> {
  tour.chapter("A runaway: a job that would run for an hour is cancelled, and its worker told");
  const answer = await tour.show([
    "submit",
    "--type",
    "test_sleep",
    "--payload",
    '{"duration":"1h"}',
    "--timeout",
    "2h",
  ]);
  const jobId = answer.out.trim();
  await statusOf(tour, jobId, "running");
  await tour.show(["cancel", jobId, "--reason", "it would never end"]);
  await tour.show(["status", jobId]);
}

/** A job that fails until somebody looks after it. */
export async function poison(tour: Tour): Promise<void> {
  tour.chapter(
    "A poison job: it fails, is retried, becomes a dead letter, and is brought back",
  );
  const answer = await tour.show([
    "submit",
    "--type",
    "test_sleep",
    "--payload",
    '{"duration":"1ms","fail":"the disk is full","fail_attempts":2}',
    "--max-retries",
    "1",
    "--retry-delay",
    "200ms",
  ]);
  const jobId = answer.out.trim();
  await statusOf(tour, jobId, "failed");
  await tour.show(["dlq", "list"]);
  await tour.show(["dlq", "retry", jobId]);
  await statusOf(tour, jobId, "completed");
  await tour.show(["status", jobId]);
}

/** A flood of one tenant beside a few jobs of another. */
export async function fairness(tour: Tour, { directory }: Stage): Promise<void> {
  const flood = 1_000;
  const few = 10;
  tour.chapter(
    `Fairness: one tenant submits ${flood} jobs, then another one ${few}`,
    "Queues take turns, so the few do not wait for the flood.",
  );
  const file = async (queue: string, count: number) => {
    const path = join(directory, `${queue}.jsonl`);
    const line = JSON.stringify({ type: "test_sleep", queue, payload: { duration: "50ms" } });
    await Deno.writeTextFile(path, `${line}\n`.repeat(count));
    return path;
  };
  await tour.show(["batch", "submit", await file("flood", flood), "--batch", "flood"]);
  await tour.show(["batch", "submit", await file("few", few), "--batch", "few"]);
  await tour.run(["batch", "wait", "few"]);
  const left = await tour.json<Page>(["list", "--queue", "flood", "--status", "pending"]);
  tour.say(`  The ${few} are done, and ${left.total} jobs of the flood still wait.`);
  if (left.total === 0) throw new Error("the few waited for the flood");
  await tour.show(["queue", "list"]);
  await tour.show(["batch", "cancel", "flood", "--reason", "seen enough"]);
}

/** A job that nobody can run. */
export async function waiting(tour: Tour): Promise<void> {
  tour.chapter("Why does it wait? A job that asks for a worker that is not there");
  const answer = await tour.show([
    "submit",
    "--type",
    "test_sleep",
    "--require",
    "gpu",
    "--require",
    "memory>=64",
    "--expires-in",
    "1h",
  ]);
  const jobId = answer.out.trim();
  await tour.show(["explain", jobId]);
  await tour.run(["cancel", jobId]);
}

/** A thousand jobs in one call. */
export async function thousand(tour: Tour, { directory }: Stage): Promise<void> {
  tour.chapter("A batch of 1,000 jobs: one call, one handle");
  const path = join(directory, "thousand.jsonl");
  await Deno.writeTextFile(path, `${JSON.stringify({ type: "noop" })}\n`.repeat(1_000));
  await tour.show(["batch", "submit", path, "--batch", "thousand", "--wait"]);
}

async function statusOf(tour: Tour, jobId: string, status: string): Promise<void> {
  await tour.until(
    `job ${jobId} is ${status}`,
    async () => (await tour.json<JobJson>(["status", jobId])).status,
    (found) => found === status,
  );
}
