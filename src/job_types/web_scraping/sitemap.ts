/**
 * The pages that a site names in its sitemaps (sitemaps.org): indexes, gzip and plain lists of URLs
 * too. A sitemap that cannot be read is passed over: it is a hint, not the job.
 *
 * @module
 */

import { gunzipSync } from "node:zlib";
import type { JobContext } from "../contract.ts";
import { parseXml } from "./document.ts";
import type { PageFetcher } from "./page.ts";
import type { Robots } from "./robots.ts";

/** Files that are read, those of indexes included. */
const SITEMAPS_MAX = 50;

/** What the protocol allows, unpacked. */
const SITEMAP_BYTES_MAX = 50 * 1024 * 1024;

/** What is needed to read them. */
export interface SitemapTools {
  readonly context: JobContext;
  readonly fetcher: PageFetcher;
  /** Left out: robots.txt is not to be asked. */
  readonly robots: Robots | undefined;
}

/**
 * The URLs of pages that the site of `start` names, each once, in their order.
 *
 * @param urlsMax further ones are left out.
 */
export async function sitemapUrls(
  start: URL,
  urlsMax: number,
  tools: SitemapTools,
): Promise<readonly string[]> {
  const named = await tools.robots?.sitemaps(start) ?? [];
  const waiting = named.length > 0 ? [...named] : [new URL("/sitemap.xml", start).href];
  const seen = new Set(waiting);
  const pages = new Set<string>();
  for (let files = 0; files < SITEMAPS_MAX && pages.size < urlsMax; files++) {
    const next = waiting.shift();
    if (next === undefined) break;
    const { sitemaps, urls } = await read(next, tools);
    for (const url of urls.slice(0, urlsMax - pages.size)) pages.add(url);
    for (const sitemap of sitemaps) {
      if (seen.has(sitemap)) continue;
      seen.add(sitemap);
      waiting.push(sitemap);
    }
  }
  return [...pages];
}

interface Sitemap {
  readonly sitemaps: readonly string[];
  readonly urls: readonly string[];
}

const EMPTY: Sitemap = { sitemaps: [], urls: [] };

async function read(href: string, { context, fetcher }: SitemapTools): Promise<Sitemap> {
  const url = URL.parse(href);
  if (url === null) return EMPTY;
  try {
    const bytesMax = Math.min(SITEMAP_BYTES_MAX, fetcher.bytesMax);
    const response = await fetcher.plainFetch(url, { bodyBytesMax: bytesMax });
    if (response.status !== 200) {
      await response.body.cancel();
      context.log(`sitemap ${href} answered with status ${response.status}; it is passed over`);
      return EMPTY;
    }
    return parsed(unpacked(await response.bytes(), bytesMax), href);
  } catch (error) {
    context.signal.throwIfAborted();
    context.log(
      `sitemap ${href} is passed over: ${error instanceof Error ? error.message : error}`,
    );
    return EMPTY;
  }
}

/** Sitemaps are stored as gzip files, which is no content-coding. */
function unpacked(bytes: Uint8Array, bytesMax: number): string {
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const plain = isPacked ? gunzipSync(bytes, { maxOutputLength: bytesMax }) : bytes;
  return new TextDecoder().decode(plain);
}

function parsed(text: string, href: string): Sitemap {
  if (!text.trimStart().startsWith("<")) {
    return { sitemaps: [], urls: text.split(/\s+/).filter((line) => URL.canParse(line)) };
  }
  const { $ } = parseXml(text, href);
  const locations = (parent: string) =>
    $(`${parent} > loc`).toArray().map((element) => $(element).text().trim())
      .filter((location) => URL.canParse(location));
  return { sitemaps: locations("sitemap"), urls: locations("url") };
}
