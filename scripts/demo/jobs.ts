/**
 * What the demo runs: one job of each built-in type, and how its result reads.
 *
 * @module
 */

import { join } from "node:path";

/** A job and how to tell of its result. */
export interface DemoJob {
  readonly title: string;
  readonly type: string;
  /** JSON. */
  readonly payload: string;
  /** Lines for people, from the job's result. */
  describe(output: string): string[];
}

/** The demo's jobs on samples served at `site`, with files written below `outputs`. */
export function demoJobs(site: string, outputs: string): DemoJob[] {
  const thumbnail = join(outputs, "photo-thumbnail.webp");
  return [
    {
      title: "image_processing: a thumbnail of the photograph",
      type: "image_processing",
      payload: JSON.stringify({
        url: `${site}/photo.jpg`,
        operations: [{ type: "resize", width: 320, height: 200, fit: "cover" }],
        output: { format: "webp", quality: 82 },
        destination: thumbnail,
      }),
      describe(output) {
        const { source, output: made } = JSON.parse(output);
        return [
          `${source.format} of ${source.width}x${source.height}, ${kilobytes(source.bytes)}`,
          `became ${made.format} of ${made.width}x${made.height}, ${kilobytes(made.bytes)}:`,
          made.destination,
        ];
      },
    },
    {
      title: "web_scraping: the articles of a small site, by CSS selectors",
      type: "web_scraping",
      payload: JSON.stringify({
        url: `${site}/`,
        selectors: {
          title: "h1",
          published: "time@datetime",
          headings: { selector: "h2", multiple: true },
        },
        crawl: {
          depth: 2,
          max_pages: 12,
          delay_ms: 20,
          include: ["/about", "/articles/", "/private/"],
        },
      }),
      describe(output) {
        const { pages, fetched, refused_by_robots: refused } = JSON.parse(output);
        return [
          `${fetched} pages fetched, ${refused} left alone because of robots.txt`,
          ...pages.map((page: { url: string; data?: Record<string, unknown> }) =>
            `${String(page.data?.published ?? "").slice(0, 10).padEnd(10)}  ${page.data?.title}` +
            `  (${(page.data?.headings as string[] | undefined)?.length ?? 0} sections)`
          ),
        ];
      },
    },
    {
      title: "data_analysis: statistics of 4,000 orders, and SQL over them",
      type: "data_analysis",
      payload: JSON.stringify({
        url: `${site}/orders.csv`,
        operations: [
          { type: "describe", columns: ["unit_price", "quantity"], top: 0 },
          {
            type: "sql",
            name: "revenue",
            query: "SELECT region, count(*) AS orders, " +
              "round(sum(quantity * unit_price * (1 - discount)), 2) AS revenue " +
              "FROM data GROUP BY region ORDER BY revenue DESC",
          },
        ],
      }),
      describe: describeAnalysis,
    },
    {
      title: "test_sleep: a job that waits",
      type: "test_sleep",
      payload: JSON.stringify({ duration: "1500ms" }),
      describe: (output) => [`slept ${JSON.parse(output).slept_ms} ms`],
    },
  ];
}

interface Analysis {
  readonly source: { readonly rows: number; readonly columns: readonly unknown[] };
  readonly results: readonly {
    readonly operation: string;
    readonly columns?: readonly Record<string, unknown>[];
    readonly rows?: readonly Record<string, unknown>[];
  }[];
}

function describeAnalysis(output: string): string[] {
  const { source, results } = JSON.parse(output) as Analysis;
  const describe = results.find((each) => each.operation === "describe");
  const revenue = results.find((each) => each.operation === "sql");
  return [
    `${source.rows} rows, ${source.columns.length} columns`,
    ...(describe?.columns ?? []).map((column) =>
      `${column.name}: mean ${number(column.mean)}, standard deviation ${number(column.stddev)}, ` +
      `min ${number(column.min)}, median ${number(column.median)}, max ${number(column.max)}`
    ),
    ...(revenue?.rows ?? []).map((row) =>
      `${String(row.region ?? "(none)").padEnd(8)} ${String(row.orders).padStart(5)} orders  ` +
      `${number(row.revenue).padStart(12)}`
    ),
  ];
}

function number(value: unknown): string {
  return typeof value === "number"
    ? value.toLocaleString("en-GB", { maximumFractionDigits: 2 })
    : String(value);
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(0)} kB`;
}
