/**
 * The pages that a crawl has yet to visit: breadth first, each once.
 *
 * @module
 */

import type { CrawlRule } from "./payload.ts";

/** A page to visit. */
export interface Waiting {
  readonly url: URL;
  /** Links followed from the first page. */
  readonly depth: number;
}

/** Longer URLs are made by traps. */
const URL_CHARACTERS_MAX = 2_000;

/** Links whose path ends so lead to no page. */
const NO_PAGE =
  /\.(?:jpe?g|png|gif|webp|avif|svg|ico|bmp|tiff?|css|m?js|json|pdf|zip|gz|tgz|bz2|xz|7z|rar|tar|exe|dmg|iso|deb|rpm|apk|mp[34]|m4[av]|webm|ogg|wav|flac|avi|mov|mkv|woff2?|ttf|eot|docx?|xlsx?|pptx?|odt|epub)$/i;

/** Decides which links are followed, and in which order. */
export class Frontier {
  readonly #rule: CrawlRule;
  readonly #include: readonly RegExp[];
  readonly #exclude: readonly RegExp[];
  readonly #sites = new Set<string>();
  readonly #seen = new Set<string>();
  /** Pages that a page asked not to go on to. */
  readonly #refused = new Set<string>();
  /** Pages that were found by redirects, and the page that first led there. */
  readonly #arrivals = new Map<string, string>();
  readonly #waiting: Waiting[] = [];
  #next = 0;
  /** Links to follow that are kept, and links not to follow that are counted. */
  readonly keptMax: number;

  constructor(start: URL, rule: CrawlRule) {
    this.#rule = rule;
    this.keptMax = rule.max_pages * 2 + 1_000;
    this.#include = rule.include.map((text) => new RegExp(text, "u"));
    this.#exclude = rule.exclude.map((text) => new RegExp(text, "u"));
    this.#sites.add(siteOf(start));
    this.#seen.add(identityOf(start));
    this.#waiting.push({ url: start, depth: 0 });
  }

  /** Pages that wait. */
  get size(): number {
    return this.#waiting.length - this.#next;
  }

  /** The next page, of the least depth. */
  take(): Waiting | undefined {
    return this.#waiting[this.#next++];
  }

  /** Pages visited or to be visited, as far as anyone knows now. */
  get known(): number {
    return Math.min(this.#waiting.length, this.#rule.max_pages);
  }

  /** How many pages {@linkcode refuse} alone was told of, of the first {@linkcode keptMax}. */
  get refused(): number {
    return [...this.#refused].filter((identity) => !this.#seen.has(identity)).length;
  }

  /**
   * Notes where a page ended after redirects. The first page's new host becomes part of its site. A
   * page that is tried again may arrive again.
   *
   * @returns whether it is new: not the same as another page, and still on the site.
   */
  arrivedAt(url: URL, from: Waiting): "new" | "known" | "elsewhere" {
    if (from.depth === 0) this.#sites.add(siteOf(url));
    else if (!this.#isOnSite(url)) return "elsewhere";
    const identity = identityOf(url);
    const origin = identityOf(from.url);
    if (identity === origin || this.#arrivals.get(identity) === origin) return "new";
    if (this.#seen.has(identity)) return "known";
    this.#seen.add(identity);
    this.#arrivals.set(identity, origin);
    return "new";
  }

  /** Adds those links of a page at `depth` that the rule wants and nobody saw before. */
  add(links: readonly string[], depth: number): void {
    if (depth >= this.#rule.depth) return;
    for (const link of links) {
      // What will never be visited need not be kept.
      if (this.#waiting.length >= this.keptMax) return;
      const url = URL.parse(link);
      if (url === null || !this.#wants(url)) continue;
      const identity = identityOf(url);
      if (this.#seen.has(identity)) continue;
      this.#seen.add(identity);
      this.#waiting.push({ url, depth: depth + 1 });
    }
  }

  /**
   * Notes those links of a page at `depth` that {@linkcode add} would take, had the page not asked for
   * them not to be followed. Another page may still lead there.
   */
  refuse(links: readonly string[], depth: number): void {
    if (depth >= this.#rule.depth) return;
    for (const link of links) {
      // A site may ask this of any number of links, and all that is wanted of them is how many.
      if (this.#refused.size >= this.keptMax) return;
      const url = URL.parse(link);
      if (url !== null && this.#wants(url)) this.#refused.add(identityOf(url));
    }
  }

  #wants(url: URL): boolean {
    if (url.protocol !== "http:" && url.protocol !== "https:") return false;
    if (url.href.length > URL_CHARACTERS_MAX || NO_PAGE.test(url.pathname)) return false;
    if (url.username !== "" || !this.#isOnSite(url)) return false;
    if (this.#exclude.some((pattern) => pattern.test(url.href))) return false;
    return this.#include.length === 0 || this.#include.some((pattern) => pattern.test(url.href));
  }

  #isOnSite(url: URL): boolean {
    return !this.#rule.same_site || this.#sites.has(siteOf(url));
  }
}

/** A host with and without `www.`, by http and https, is one site; another port is another. */
function siteOf(url: URL): string {
  const host = url.hostname.replace(/^www\./, "").replace(/\.$/, "");
  return url.port === "" ? host : `${host}:${url.port}`;
}

/** Equal for URLs that name one page: no fragment, parameters in order, one scheme. */
export function identityOf(url: URL): string {
  const parameters = [...url.searchParams].map(([name, value]) =>
    `${encodeURIComponent(name)}=${encodeURIComponent(value)}`
  ).sort();
  const path = url.pathname.replaceAll(/\/{2,}/g, "/");
  return `${siteOf(url)}${path}?${parameters.join("&")}`;
}
