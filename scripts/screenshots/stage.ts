/**
 * Fills a demo cluster with jobs that are worth looking at, through its JSON API.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SAMPLES = fileURLToPath(new URL("../samples", import.meta.url));
const PATIENCE_MS = 60_000;

/** What the pictures are of. */
export interface Scene {
  readonly picture: string;
  readonly table: string;
  readonly running: string;
  readonly failed: string;
  readonly graph: string;
}

export class Stage {
  readonly #url: string;

  constructor(httpUrl: string) {
    this.#url = `${httpUrl}/api/v1/`;
  }

  // deno-lint-ignore no-explicit-any -- the answer's shape is the route's
  async api(path: string, body?: unknown): Promise<any> {
    const response = await fetch(`${this.#url}${path}`, {
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  async submit(type: string, payload_json: unknown, more: object = {}): Promise<string> {
    return (await this.api("jobs", { type, payload_json, ...more })).job_id;
  }

  async until(id: string, ...statuses: string[]): Promise<void> {
    const untilMs = performance.now() + PATIENCE_MS;
    for (;;) {
      const { job } = await this.api(`jobs/${id}?without_payload=true`);
      if (statuses.includes(job.status)) return;
      if (performance.now() > untilMs) throw new Error(`job ${id} is still ${job.status}`);
      await pause(100);
    }
  }

  /** Makes WebP of a PNG: the cluster is there for it. */
  async webp(png: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
    const id = await this.submit("image_processing", {
      data: png.toBase64(),
      output: { format: "webp", quality: 78 },
    });
    await this.until(id, "completed");
    const { job } = await this.api(`jobs/${id}`);
    const { output } = JSON.parse(
      new TextDecoder().decode(Uint8Array.fromBase64(job.result.output)),
    );
    return Uint8Array.fromBase64(output.data);
  }

  /** Waves of jobs, for the charts. */
  async load(seconds: number): Promise<void> {
    const startedMs = performance.now();
    for (let turn = 0; performance.now() - startedMs < seconds * 1_000; turn++) {
      const count = Math.round(9 + 7 * Math.sin(turn / 14));
      const jobs = Array.from({ length: count }, (_, index) => jobOf(turn * 31 + index * 17));
      await this.api("jobs/submit-many", { jobs: jobs.map(planned) });
      await pause(400);
    }
  }

  /** What goes on by itself. */
  async prepare(): Promise<void> {
    await this.#schedules();
    await this.#batch();
  }

  async set(): Promise<Scene> {
    const data = (await Deno.readFile(join(SAMPLES, "photo.webp"))).toBase64();
    const operations = [{ type: "resize", width: 480 }];
    const labels = { team: "maps", env: "prod" };
    const [picture, table, failed, graph] = await Promise.all([
      this.submit("image_processing", { data, operations, output: { format: "webp" } }, { labels }),
      this.submit("data_analysis", {
        data: await Deno.readTextFile(join(SAMPLES, "orders.csv")),
        operations: [{ type: "describe" }],
      }, { labels }),
      this.submit("render_tiles", { fail_at: 7, pause_ms: 30 }, {
        labels,
        max_retries: 2,
        retry_delay_ms: 400,
      }),
      this.#graph(),
    ]);
    await this.until(failed, "failed");
    await Promise.all([picture, table].map((id) => this.until(id, "completed")));
    const running = await this.submit("render_tiles", { tiles: 400, pause_ms: 250 }, { labels });
    await this.until(running, "running");
    return { picture, table, running, failed, graph };
  }

  async #graph(): Promise<string> {
    const job = (ref: string, type: string, payload: unknown, ...parents: string[]) => ({
      ref,
      ...planned({ type, payload }),
      options: { depends_on: parents.map((parent) => ({ ref: parent })) },
    });
    const { results } = await this.api("jobs/submit-many", {
      jobs: [
        job("fetch", "noop", {}),
        job("clean", "test_sleep", "20ms", "fetch"),
        job("north", "render_tiles", { tiles: 300, pause_ms: 300 }, "clean"),
        job("south", "render_tiles", { tiles: 4 }, "clean"),
        job("index", "test_sleep", "10ms", "fetch"),
        job("report", "data_analysis", { data: "a\n1\n", operations: [] }, "north", "south"),
        job("publish", "noop", {}, "report", "index"),
      ],
    });
    return results[1].job_id;
  }

  async #batch(): Promise<void> {
    // Spread, so that the charts show more than this.
    const jobs = Array.from({ length: 160 }, (_, index) => ({
      ...planned({ type: "test_sleep", payload: { duration: 5, fail: index % 45 === 7 } }),
      options: { batch_id: "import-2026-11" },
      delay_ms: index > 130 ? 900_000 : 1 + index * 500,
    }));
    await this.api("jobs/submit-many", { jobs });
  }

  async #schedules(): Promise<void> {
    const job = planned({ type: "noop", payload: {} });
    const timings = [
      ["nightly-report", { cron: "0 3 * * *", time_zone: "Europe/Berlin" }],
      ["thumbnails", { every_ms: 20_000 }],
      ["weekly-cleanup", { cron: "30 5 * * 1", time_zone: "America/New_York" }],
    ] as const;
    for (const [name, timing] of timings) {
      await this.api("schedules", { schedule: { name, timing, job } });
    }
    await this.api("schedules/weekly-cleanup/pause", {});
    await this.api("queues/mail/configure", { paused: true, running_max: 4 });
    await this.api("jobs", { ...job, options: { queue: "mail" } });
    await this.api("types/render_tiles/configure", { running_max: 6 });
  }
}

interface Planned {
  readonly type: string;
  readonly payload: unknown;
}

/** One of a mixture, the same for the same number. */
function jobOf(number: number): Planned {
  const kind = number % 20;
  if (kind === 0) {
    return { type: "test_sleep", payload: { duration: 40, fail: "no route to host" } };
  }
  if (kind < 5) return { type: "render_tiles", payload: { tiles: 1 + number % 3 } };
  if (kind < 10) return { type: "noop", payload: {} };
  return { type: "test_sleep", payload: { duration: 20 + (number * 7) % 160 } };
}

function planned({ type, payload }: Planned) {
  return {
    type,
    payload_json: payload,
    max_retries: 1,
    retry_delay_ms: 200,
  };
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
