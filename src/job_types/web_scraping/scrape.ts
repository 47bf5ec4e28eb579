/**
 * The work of a `web_scraping` job: one page, or a crawl from it.
 *
 * @module
 */

import type { JobContext } from "../contract.ts";
import { parseJobUrl } from "../job_url.ts";
import { crawl, type CrawlResult } from "./crawl.ts";
import { requireValidSelectors } from "./extract.ts";
import { PageFetcher } from "./page.ts";
import { documentOf, type PageResult, pageResult } from "./page_result.ts";
import type { ScrapingPayload } from "./payload.ts";
import { Robots } from "./robots.ts";

/** Scrapes as the payload says. */
export async function scrape(
  payload: ScrapingPayload,
  context: JobContext,
): Promise<PageResult | CrawlResult> {
  if (payload.selectors !== undefined) requireValidSelectors(payload.selectors);
  const start = parseJobUrl(payload.url);
  start.hash = "";
  const fetcher = new PageFetcher(payload, start, context);
  const robots = payload.respect_robots ? new Robots(fetcher) : undefined;
  if (payload.crawl !== undefined) {
    return await crawl(start, payload, payload.crawl, { context, fetcher, robots });
  }
  await robots?.requireAllowed(start);
  context.progress(0.1, "fetching the page");
  const page = await fetcher.fetch(start);
  context.progress(0.6, `read ${page.bytes} bytes`);
  const result = pageResult(start.href, page, documentOf(page), payload);
  context.progress(1, "extracted");
  return result;
}
