/**
 * A site, page by page, breadth first. A page that fails is recorded and the crawl goes on; only the
 * first page's failure is the job's.
 *
 * @module
 */

import type { JobContext } from "../contract.ts";
import { pause } from "../pause.ts";
import type { PageDocument } from "./document.ts";
import { Frontier, type Waiting } from "./frontier.ts";
import { linksOf } from "./overview.ts";
import type { PageFetcher } from "./page.ts";
import { documentOf, type PageResult, pageResult } from "./page_result.ts";
import type { CrawlRule, ScrapingPayload } from "./payload.ts";
import { type Robots, RobotsRefusedError } from "./robots.ts";

/** A page of a crawl that was read. */
export type CrawledPage = PageResult & { readonly depth: number };

/** A page of a crawl that was not. */
export interface FailedPage {
  readonly url: string;
  readonly depth: number;
  readonly error: string;
}

/** What a crawl hands back. */
export interface CrawlResult {
  readonly url: string;
  /** In the order of visits, the first page first. */
  readonly pages: readonly (CrawledPage | FailedPage)[];
  readonly fetched: number;
  readonly failed: number;
  /** Links that robots.txt, or the pages themselves, ask not to follow. */
  readonly refused_by_robots: number;
  /**
   * `done`: no link was left. Else the bound that was met: `max_pages`, or `result_size` when the
   * next page would have made the result longer than results may be.
   */
  readonly stopped_by: "done" | "max_pages" | "result_size";
}

/** What a crawl works with. */
export interface CrawlTools {
  readonly context: JobContext;
  readonly fetcher: PageFetcher;
  readonly robots: Robots | undefined;
}

/** For the result's own fields around its pages. */
const ENVELOPE_BYTES = 1_024;

/** Crawls from `start`. */
export async function crawl(
  start: URL,
  payload: ScrapingPayload,
  rule: CrawlRule,
  tools: CrawlTools,
): Promise<CrawlResult> {
  const { context } = tools;
  const frontier = new Frontier(start, rule);
  const pace = new Pace(rule.delay_ms, tools);
  const pages: (CrawledPage | FailedPage)[] = [];
  const counts = { fetched: 0, failed: 0, refused_by_robots: 0 };
  let resultBytes = ENVELOPE_BYTES + start.href.length;
  let stoppedBy: CrawlResult["stopped_by"] = "done";
  for (let visits = 0; frontier.size > 0;) {
    if (visits >= rule.max_pages) {
      stoppedBy = "max_pages";
      break;
    }
    const waiting = frontier.take()!;
    const visited = await visit(waiting, frontier, pace, payload, tools);
    if (visited === "refused") {
      counts.refused_by_robots++;
      continue;
    }
    visits++;
    if (visited !== "known") {
      resultBytes += encodedBytes(visited);
      if (resultBytes > context.limits.resultBytesMax && pages.length > 0) {
        stoppedBy = "result_size";
        break;
      }
      pages.push(visited);
      if ("error" in visited) counts.failed++;
      else counts.fetched++;
    }
    context.progress(
      visits / Math.max(visits + 1, frontier.known),
      `${counts.fetched} pages fetched, ${counts.failed} failed, ${frontier.size} waiting`,
    );
  }
  context.progress(1, `${counts.fetched} pages fetched, ${counts.failed} failed`);
  return { url: start.href, pages, ...counts, stopped_by: stoppedBy };
}

async function visit(
  waiting: Waiting,
  frontier: Frontier,
  pace: Pace,
  payload: ScrapingPayload,
  { context, fetcher, robots }: CrawlTools,
): Promise<CrawledPage | FailedPage | "refused" | "known"> {
  const { url, depth } = waiting;
  try {
    await robots?.requireAllowed(url);
    await pace.wait(url);
    const page = await fetcher.fetch(url);
    const finalUrl = new URL(page.finalUrl);
    const arrival = frontier.arrivedAt(finalUrl, waiting);
    if (arrival === "known") return "known";
    if (arrival === "elsewhere") {
      return { url: url.href, depth, error: `It redirects off the site, to ${finalUrl.origin}.` };
    }
    if (finalUrl.href !== url.href) await robots?.requireAllowed(finalUrl);
    const document = documentOf(page);
    const links = page.location === undefined ? [] : [page.location];
    if (document !== undefined) links.push(...followable(document, robots !== undefined));
    frontier.add(links, depth);
    return { ...pageResult(url.href, page, document, payload), depth };
  } catch (error) {
    context.signal.throwIfAborted();
    if (depth === 0) throw error;
    if (error instanceof RobotsRefusedError) return "refused";
    return { url: url.href, depth, error: error instanceof Error ? error.message : String(error) };
  }
}

/** The links of a page, but those that it asks robots not to follow. */
function followable(document: PageDocument, respectRobots: boolean): string[] {
  const wishes = document.$("meta[name='robots' i]").attr("content") ?? "";
  if (respectRobots && /\b(?:nofollow|none)\b/i.test(wishes)) return [];
  const unwanted = respectRobots ? "[rel~='nofollow' i]" : "";
  return linksOf(document, unwanted).map(({ url }) => url);
}

function encodedBytes(page: CrawledPage | FailedPage): number {
  return new TextEncoder().encode(JSON.stringify(page)).length + 1;
}

/** Keeps requests to one origin apart. */
class Pace {
  readonly #delayMs: number;
  readonly #tools: CrawlTools;
  readonly #lastStart = new Map<string, number>();

  constructor(delayMs: number, tools: CrawlTools) {
    this.#delayMs = delayMs;
    this.#tools = tools;
  }

  /** Resolves when the next request to the URL's origin may start, and counts it as started. */
  async wait(url: URL): Promise<void> {
    const { context: { signal }, robots } = this.#tools;
    const delayMs = Math.max(this.#delayMs, await robots?.delayMs(url) ?? 0);
    const last = this.#lastStart.get(url.origin) ?? -Infinity;
    const leftMs = last + delayMs - performance.now();
    if (leftMs > 0) await pause(leftMs, signal);
    signal.throwIfAborted();
    this.#lastStart.set(url.origin, performance.now());
  }
}
