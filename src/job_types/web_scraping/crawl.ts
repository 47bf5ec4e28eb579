/**
 * A site, page by page, breadth first. A page that fails is recorded and the crawl goes on; only the
 * first page's failure is the job's.
 *
 * @module
 */

import { type JobContext, PermanentJobError } from "../contract.ts";
import { pause } from "../pause.ts";
import { Frontier, type Waiting } from "./frontier.ts";
import { type Followable, followable, linksOfXml } from "./links.ts";
import { Pace } from "./pace.ts";
import type { Page, PageFetcher } from "./page.ts";
import { documentOf, type PageResult, pageResult } from "./page_result.ts";
import { waitBeforeRetryMs } from "./patience.ts";
import type { CrawlRule, ScrapingPayload } from "./payload.ts";
import { type Robots, RobotsRefusedError } from "./robots.ts";
import { sitemapUrls } from "./sitemap.ts";

/** A page of a crawl that was read. */
export type CrawledPage = PageResult & { readonly depth: number };

/** A page of a crawl that was not. */
export interface FailedPage {
  readonly url: string;
  readonly depth: number;
  readonly error: string;
  /** Another time it may be read: the network, a busy server. */
  readonly retryable: boolean;
}

/** What a crawl hands back. */
export interface CrawlResult {
  readonly url: string;
  /** In the order in which they were asked for, the first page first. */
  readonly pages: readonly (CrawledPage | FailedPage)[];
  readonly fetched: number;
  readonly failed: number;
  /** Pages left out since robots.txt, or every page that links to them, asks not to go there. */
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

/** Tries after the first, where the payload does not say. */
const RETRIES = 2;

/** Crawls from `start`. */
export async function crawl(
  start: URL,
  payload: ScrapingPayload,
  rule: CrawlRule,
  tools: CrawlTools,
): Promise<CrawlResult> {
  return await new Crawl(start, payload, rule, tools).run();
}

/** What became of one page: `known` and `refused` leave nothing in the result. */
type Visited = CrawledPage | FailedPage | "refused" | "known";

class Crawl {
  readonly #start: URL;
  readonly #payload: ScrapingPayload;
  readonly #rule: CrawlRule;
  readonly #tools: CrawlTools;
  readonly #frontier: Frontier;
  readonly #pace: Pace;
  /** A place is taken when a page is asked for, and stays empty if nothing comes of it. */
  readonly #pages: (CrawledPage | FailedPage | undefined)[] = [];
  readonly #counts = { fetched: 0, failed: 0 };
  #refusedByRobotsTxt = 0;
  #visits = 0;
  #underWay = 0;
  #resultBytes: number;
  #stoppedBy: CrawlResult["stopped_by"] = "done";
  /** Resolved when a page ends, for those who wait for its links. */
  #pageEnded = Promise.withResolvers<void>();

  constructor(start: URL, payload: ScrapingPayload, rule: CrawlRule, tools: CrawlTools) {
    this.#start = start;
    this.#payload = payload;
    this.#rule = rule;
    this.#tools = tools;
    this.#frontier = new Frontier(start, rule);
    this.#pace = new Pace(rule.delay_ms, tools.context.signal);
    this.#resultBytes = ENVELOPE_BYTES + start.href.length;
  }

  async run(): Promise<CrawlResult> {
    // The first page alone: its failure is the job's, and its host the site's.
    await this.#visitNext();
    if (this.#rule.sitemap) {
      const urls = await sitemapUrls(this.#start, this.#rule.max_pages * 2, this.#tools);
      this.#frontier.add(urls, 0);
    }
    await Promise.all(Array.from({ length: this.#rule.concurrency }, () => this.#work()));
    const { context } = this.#tools;
    const { fetched, failed } = this.#counts;
    context.progress(1, `${fetched} pages fetched, ${failed} failed`);
    return {
      url: this.#start.href,
      pages: this.#pages.filter((page) => page !== undefined),
      fetched,
      failed,
      refused_by_robots: this.#refusedByRobotsTxt + this.#frontier.refused,
      stopped_by: this.#stoppedBy,
    };
  }

  /** Visits pages until there is none, or a bound is met. */
  async #work(): Promise<void> {
    while (this.#stoppedBy === "done") {
      const isFull = this.#visits >= this.#rule.max_pages;
      if (this.#frontier.size > 0 && !isFull) await this.#visitNext();
      else if (this.#underWay > 0) await this.#pageEnded.promise;
      else {
        if (this.#frontier.size > 0) this.#stoppedBy = "max_pages";
        return;
      }
    }
  }

  async #visitNext(): Promise<void> {
    const waiting = this.#frontier.take()!;
    const place = this.#pages.push(undefined) - 1;
    this.#visits++;
    this.#underWay++;
    try {
      this.#take(await this.#visited(waiting), place);
    } finally {
      this.#underWay--;
      this.#pageEnded.resolve();
      this.#pageEnded = Promise.withResolvers();
    }
  }

  #take(visited: Visited, place: number): void {
    if (visited === "refused") {
      this.#refusedByRobotsTxt++;
      this.#visits--;
      return;
    }
    if (visited !== "known") {
      this.#resultBytes += encodedBytes(visited);
      const isFirst = this.#counts.fetched + this.#counts.failed === 0;
      if (this.#resultBytes > this.#tools.context.limits.resultBytesMax && !isFirst) {
        this.#stoppedBy = "result_size";
        return;
      }
      this.#pages[place] = visited;
      if ("error" in visited) this.#counts.failed++;
      else this.#counts.fetched++;
    }
    const { fetched, failed } = this.#counts;
    this.#tools.context.progress(
      this.#visits / Math.max(this.#visits + 1, this.#frontier.known),
      `${fetched} pages fetched, ${failed} failed, ${this.#frontier.size} waiting`,
    );
  }

  async #visited({ url, depth }: Waiting): Promise<Visited> {
    for (let failures = 1;; failures++) {
      try {
        return await this.#visit({ url, depth });
      } catch (error) {
        this.#tools.context.signal.throwIfAborted();
        const waitMs = waitBeforeRetryMs(error, failures, this.#payload.retries ?? RETRIES);
        if (waitMs !== undefined) {
          this.#pace.holdOff(url, waitMs);
          await pause(waitMs, this.#tools.context.signal);
          continue;
        }
        if (depth === 0) throw error;
        if (error instanceof RobotsRefusedError) return "refused";
        return failedPage(url, depth, error);
      }
    }
  }

  async #visit(waiting: Waiting): Promise<Visited> {
    const { url, depth } = waiting;
    const { fetcher, robots } = this.#tools;
    await robots?.requireAllowed(url);
    await this.#pace.wait(url, await robots?.delayMs(url) ?? 0);
    const page = await fetcher.fetch(url);
    const finalUrl = new URL(page.finalUrl);
    const arrival = this.#frontier.arrivedAt(finalUrl, waiting);
    if (arrival === "known") return "known";
    if (arrival === "elsewhere") {
      const error = new PermanentJobError(`It redirects off the site, to ${finalUrl.origin}.`);
      return failedPage(url, depth, error);
    }
    if (finalUrl.href !== url.href) await robots?.requireAllowed(finalUrl);
    const { followed, refused } = this.#linksOf(page);
    this.#frontier.add(followed, depth);
    this.#frontier.refuse(refused, depth);
    const extracted = () => pageResult(url.href, page, this.#payload);
    return { ...this.#tools.context.span("extract", extracted), depth };
  }

  #linksOf(page: Page): Followable {
    if (page.location !== undefined) return { followed: [page.location], refused: [] };
    const document = documentOf(page);
    if (document === undefined) return { followed: [], refused: [] };
    if (page.read?.content.kind === "xml") return { followed: linksOfXml(document), refused: [] };
    const respectRobots = this.#tools.robots !== undefined;
    return followable(document, {
      respectRobots,
      robotsTag: page.robotsTag,
      within: this.#rule.follow,
    });
  }
}

function failedPage(url: URL, depth: number, error: unknown): FailedPage {
  return {
    url: url.href,
    depth,
    error: error instanceof Error ? error.message : String(error),
    retryable: !(error instanceof PermanentJobError),
  };
}

function encodedBytes(page: CrawledPage | FailedPage): number {
  return new TextEncoder().encode(JSON.stringify(page)).length + 1;
}
