/**
 * Ways to run a `web_scraping` job in a test, whose result is held against the documented schema.
 *
 * @module
 */

import type { JobContext } from "../contract.ts";
import { testContext } from "../test_context.ts";
import type { CrawlResult } from "./crawl.ts";
import { webScraping } from "./mod.ts";
import type { PageResult } from "./page_result.ts";
import { overviewSchema } from "./result_schema.ts";

async function run(payload: Record<string, unknown>, context: JobContext): Promise<unknown> {
  const result = await webScraping.run(webScraping.payloadSchema.parse(payload), context);
  return webScraping.resultSchema!.parse(result);
}

/** Scrapes one page. */
export async function page(
  payload: Record<string, unknown>,
  context: JobContext = testContext(),
): Promise<PageResult> {
  const result = await run(payload, context) as PageResult;
  const isOverview = payload.selectors === undefined && result.kind !== undefined &&
    result.kind !== "json";
  if (isOverview) overviewSchema.parse(result.data);
  return result;
}

/** Crawls from `url` without pauses; `more` goes into the payload beside the rule. */
export async function crawl(
  url: string,
  rule: Record<string, unknown>,
  more: Record<string, unknown> = {},
  context: JobContext = testContext(),
): Promise<CrawlResult> {
  return await run({ url, crawl: { delay_ms: 0, ...rule }, ...more }, context) as CrawlResult;
}

/** `1 /path?query` for every page of a crawl: its depth and where it was asked for. */
export function seenBy(result: CrawlResult): string[] {
  return result.pages.map((each) =>
    `${each.depth} ${URL.parse(each.url)?.pathname}${URL.parse(each.url)?.search}`
  );
}
