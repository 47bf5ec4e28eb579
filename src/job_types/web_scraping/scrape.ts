/**
 * The work of a `web_scraping` job: one page, or a crawl from it.
 *
 * @module
 */

import type { JobContext } from "../contract.ts";
import { parseJobUrl } from "../job_url.ts";
import { pause } from "../pause.ts";
import { cookieStore } from "./cookies.ts";
import { crawl, type CrawlResult } from "./crawl.ts";
import { requireValidSelectors } from "./extract.ts";
import { type Page, PageFetcher } from "./page.ts";
import { type PageResult, pageResult } from "./page_result.ts";
import { waitBeforeRetryMs } from "./patience.ts";
import type { ScrapingPayload } from "./payload.ts";
import { Robots } from "./robots.ts";

/** Scrapes as the payload says. */
export async function scrape(
  payload: ScrapingPayload,
  context: JobContext,
): Promise<PageResult | CrawlResult> {
  requireValidSelectors(payload);
  const start = parseJobUrl(payload.url);
  start.hash = "";
  const fetcher = new PageFetcher(
    payload,
    start,
    context,
    payload.cookies ? cookieStore() : undefined,
  );
  const robots = payload.respect_robots ? new Robots(fetcher) : undefined;
  if (payload.crawl !== undefined) {
    return await crawl(start, payload, payload.crawl, { context, fetcher, robots });
  }
  context.progress(0.1, "fetching the page");
  const page = await fetched(start, payload, { context, fetcher, robots });
  context.progress(0.6, `read ${page.read?.bytes ?? 0} bytes`);
  const result = context.span("extract", () => pageResult(start.href, page, payload));
  context.progress(1, "extracted");
  return result;
}

async function fetched(
  url: URL,
  { retries = 0 }: ScrapingPayload,
  { context, fetcher, robots }: {
    readonly context: JobContext;
    readonly fetcher: PageFetcher;
    readonly robots: Robots | undefined;
  },
): Promise<Page> {
  for (let failures = 1;; failures++) {
    try {
      await robots?.requireAllowed(url);
      const page = await fetcher.fetch(url);
      // A redirect is no way around robots.txt: that of where it led has its say as well.
      if (page.finalUrl !== url.href) await robots?.requireAllowed(new URL(page.finalUrl));
      return page;
    } catch (error) {
      const waitMs = waitBeforeRetryMs(error, failures, retries);
      if (waitMs === undefined) throw error;
      context.log(`${error instanceof Error ? error.message : error} Again in ${waitMs} ms.`);
      await pause(waitMs, context.signal);
    }
  }
}
