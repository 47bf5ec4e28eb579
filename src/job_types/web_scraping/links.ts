/**
 * Where a page leads.
 *
 * @module
 */

import { absoluteUrl, collapsed, type PageDocument } from "./document.ts";

/** A link with the text that names it. */
export interface Link {
  /** Absolute, without its fragment. */
  readonly url: string;
  readonly text: string;
}

/** Which links are wanted. */
export interface LinkChoice {
  /** CSS; links that match it are left out. */
  readonly unwanted?: string;
  /** CSS; links that do not match it are left out. */
  readonly wanted?: string;
  /** CSS; links are looked for in what it selects, itself included. */
  readonly within?: string | undefined;
}

/** The links of a page to http and https, each URL once, with the first text that names it. */
export function linksOf(
  { $, baseUrl }: PageDocument,
  { unwanted, wanted, within }: LinkChoice = {},
): Link[] {
  const LINKS = "a[href], area[href]";
  const scope = within === undefined ? undefined : $(within);
  // A `link` in the head is followed where it is chosen: link[rel=next].
  const all = scope === undefined
    ? $(LINKS)
    : scope.filter(`${LINKS}, link[href]`).add(scope.find(LINKS));
  const some = wanted === undefined ? all : all.filter(wanted);
  const links = new Map<string, string>();
  for (const element of (unwanted === undefined ? some : some.not(unwanted)).toArray()) {
    const link = $(element);
    const url = absoluteUrl(link.attr("href"), baseUrl)?.replace(/#.*$/, "");
    if (url === undefined) continue;
    const text = collapsed(link.text()) || collapsed(link.find("img[alt]").attr("alt") ?? "");
    if (!links.get(url)) links.set(url, text);
  }
  return [...links].map(([url, text]) => ({ url, text }));
}

/** The pages that a feed or a sitemap names: RSS, Atom, sitemaps.org. */
export function linksOfXml({ $, baseUrl }: PageDocument): string[] {
  const texts = $("item > link, url > loc, sitemap > loc").toArray().map((each) => $(each).text());
  const atom = $("entry > link[href]").toArray()
    .filter((each) => ["alternate", undefined].includes($(each).attr("rel")))
    .map((each) => $(each).attr("href"));
  return [...new Set([...texts, ...atom].flatMap((href) => absoluteUrl(href, baseUrl) ?? []))];
}

/** How a crawl goes on from a page. */
export interface FollowRule {
  readonly respectRobots: boolean;
  /** What the server asks robots, by its header. */
  readonly robotsTag?: string | undefined;
  /** CSS; links are looked for in what it selects. */
  readonly within?: string | undefined;
}

/** Where a page leads a crawl: every URL absolute, without its fragment. */
export interface Followable {
  readonly followed: readonly string[];
  /** What page or server ask robots not to follow; another link may lead there all the same. */
  readonly refused: readonly string[];
}

const NOFOLLOW = "[rel~='nofollow' i]";

/** Where a crawl may go on from a page, and where it is asked not to. */
export function followable(
  document: PageDocument,
  { respectRobots, robotsTag = "", within }: FollowRule,
): Followable {
  const urlsOf = (choice: LinkChoice) =>
    linksOf(document, { ...choice, within }).map(({ url }) => url);
  if (!respectRobots) return { followed: [...refreshOf(document), ...urlsOf({})], refused: [] };
  const wishes = document.$("meta[name='robots' i]").toArray()
    .map(({ attribs }) => attribs["content"]).join(", ");
  if (/\b(?:nofollow|none)\b/i.test(`${wishes}, ${robotsTag}`)) {
    return { followed: [], refused: [...refreshOf(document), ...urlsOf({})] };
  }
  return {
    followed: [...refreshOf(document), ...urlsOf({ unwanted: NOFOLLOW })],
    refused: urlsOf({ wanted: NOFOLLOW }),
  };
}

/** Where a page sends its reader by itself: `<meta http-equiv="refresh" content="0; url=/new">`. */
function refreshOf({ $, baseUrl }: PageDocument): string[] {
  const content = $("meta[http-equiv='refresh' i]").attr("content") ?? "";
  const [, target] = /^\s*[\d.]*\s*[;,]\s*url\s*=\s*["']?([^"']*)/i.exec(content) ?? [];
  const url = absoluteUrl(target, baseUrl);
  return url === undefined ? [] : [url];
}
