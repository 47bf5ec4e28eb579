/**
 * robots.txt (RFC 9309), asked before a page and once an origin.
 *
 * @module
 */

import robotsParser from "robots-parser";
import { type GuardedResponse, PermanentJobError } from "../contract.ts";
import { FetchStatusError, retryAfterOf } from "../fetch_error.ts";
import type { PageFetcher } from "./page.ts";

/** The library's types describe a default export that its CommonJS module does not have. */
const parseRobots = robotsParser as unknown as (url: string, text: string) => {
  isAllowed(url: string, userAgent: string): boolean | undefined;
  getCrawlDelay(userAgent: string): number | undefined;
  getSitemaps(): string[];
};

/** What robots.txt says to us of an origin. */
interface Rules {
  readonly isAllowed: (url: URL) => boolean;
  readonly delayMs: number;
  readonly sitemaps: readonly string[];
}

/** The site asks that this page not be fetched by us. Permanent. */
export class RobotsRefusedError extends PermanentJobError {
  override name = "RobotsRefusedError";
}

/** As much as RFC 9309 asks crawlers to read. */
const ROBOTS_BYTES_MAX = 500 * 1024;

/** A site's wish for more is not granted: a job would not end. */
const DELAY_MS_MAX = 30_000;

const NO_RULES: Rules = { isAllowed: () => true, delayMs: 0, sitemaps: [] };

/** Remembers the rules of every origin that it was asked about. */
export class Robots {
  readonly #fetcher: PageFetcher;
  readonly #rules = new Map<string, Promise<Rules>>();

  constructor(fetcher: PageFetcher) {
    this.#fetcher = fetcher;
  }

  /**
   * @throws {RobotsRefusedError} when the page is disallowed to us.
   * @throws {FetchStatusError} when robots.txt cannot be read for now, which RFC 9309 counts as a no.
   */
  async requireAllowed(url: URL): Promise<void> {
    const rules = await this.#rulesOf(url);
    if (rules.isAllowed(url)) return;
    throw new RobotsRefusedError(
      `${url.origin}/robots.txt asks ${JSON.stringify(this.#fetcher.userAgent)} not to fetch ` +
        `${url.pathname}. If you may all the same, set respect_robots to false.`,
    );
  }

  /** The delay that the origin asks for between requests, in ms; at most half a minute. */
  async delayMs(url: URL): Promise<number> {
    return (await this.#rulesOf(url)).delayMs;
  }

  /** The sitemaps that the origin names, as it writes them. */
  async sitemaps(url: URL): Promise<readonly string[]> {
    return (await this.#rulesOf(url)).sitemaps;
  }

  #rulesOf(url: URL): Promise<Rules> {
    if (url.protocol !== "http:" && url.protocol !== "https:") return Promise.resolve(NO_RULES);
    const known = this.#rules.get(url.origin);
    if (known !== undefined) return known;
    const reading = this.#read(url.origin);
    this.#rules.set(url.origin, reading);
    // What could not be read is asked for again with the next page.
    reading.catch(() => this.#rules.delete(url.origin));
    return reading;
  }

  async #read(origin: string): Promise<Rules> {
    const url = new URL("/robots.txt", origin);
    const response = await this.#fetcher.plainFetch(url, {
      redirectsMax: 5,
      bodyBytesMax: Number.MAX_SAFE_INTEGER, // cut off here instead of failing
    });
    const { status } = response;
    if (status >= 200 && status < 300) {
      return rulesOf(url, await beginningOf(response), this.#fetcher.userAgent);
    }
    await response.body.cancel();
    // RFC 9309 §2.3.1.3: a client error means that there are no rules; a server error, none to read.
    if (status < 500 && status !== 429) return NO_RULES;
    throw new FetchStatusError(
      `${url.href} answered with status ${status}, so no page may be fetched.`,
      status,
      retryAfterOf(response.headers["retry-after"], Date.now()),
    );
  }
}

function rulesOf(url: URL, text: string, userAgent: string): Rules {
  const robots = parseRobots(url.href, text);
  const delaySeconds = robots.getCrawlDelay(userAgent) ?? 0;
  return {
    isAllowed: (page) => robots.isAllowed(page.href, userAgent) ?? true,
    delayMs: Math.min(DELAY_MS_MAX, Math.max(0, delaySeconds * 1_000) || 0),
    sitemaps: robots.getSitemaps(),
  };
}

async function beginningOf(response: GuardedResponse): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  // Leaving the loop cancels the rest.
  for await (const chunk of response.body) {
    const wanted = chunk.subarray(0, ROBOTS_BYTES_MAX - bytes);
    bytes += wanted.length;
    text += decoder.decode(wanted, { stream: true });
    if (bytes === ROBOTS_BYTES_MAX) break;
  }
  return text;
}
