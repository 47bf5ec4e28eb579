/**
 * A page's text as a tree that can be asked by CSS selectors.
 *
 * @module
 */

import { type CheerioAPI, load } from "cheerio/slim";
import { parse } from "parse5";
import { adapter } from "parse5-htmlparser2-tree-adapter";
import { PermanentJobError } from "../contract.ts";
import { describeUrl } from "../job_url.ts";

/** A parsed page and the URL that its relative links count from. */
export interface PageDocument {
  readonly $: CheerioAPI;
  readonly baseUrl: string;
}

/**
 * Elements within elements. Browsers stop at 512; the parser's time grows with the square of it, and
 * what reads the tree recurses.
 */
const DEPTH_MAX = 2_000;

/**
 * Parses HTML as browsers do, XML (feeds, sitemaps) as XML.
 *
 * @throws {PermanentJobError} for HTML that is nested without end.
 */
export function parseDocument(text: string, contentType: string, url: string): PageDocument {
  const $ = isXml(contentType)
    ? load(text, { xml: true })
    : load(parse(text, { treeAdapter: boundedAdapter(url) }), AS_WRITTEN);
  const base = $("base[href]").first().attr("href");
  const baseUrl = (base === undefined ? null : URL.parse(base.trim(), url))?.href ?? url;
  return { $, baseUrl };
}

/** Markup that is handed back has `é` for é, not a numeric entity. */
const AS_WRITTEN = { xml: { xmlMode: false, encodeEntities: "utf8" } } as const;

function boundedAdapter(url: string): typeof adapter {
  let depth = 0;
  return {
    ...adapter,
    onItemPush() {
      if (++depth <= DEPTH_MAX) return;
      throw new PermanentJobError(
        `${describeUrl(url)} nests more than ${DEPTH_MAX} elements in one another.`,
      );
    },
    onItemPop() {
      depth--;
    },
  };
}

/** Whether a type of content can be scraped. Servers that name none are given the benefit. */
export function isPage(contentType: string): boolean {
  const type = mediaType(contentType);
  return type === "" || type.startsWith("text/") || type === "application/xhtml+xml" ||
    isXml(contentType);
}

/** `text/html` of `Text/HTML; charset=utf-8`. */
export function mediaType(contentType: string): string {
  return contentType.split(";")[0]!.trim().toLowerCase();
}

function isXml(contentType: string): boolean {
  const type = mediaType(contentType);
  if (type === "application/xhtml+xml") return false;
  return type === "application/xml" || type === "text/xml" || type.endsWith("+xml");
}

/** The http or https URL that a link of the page leads to, if it is one. */
export function absoluteUrl(href: string | undefined, baseUrl: string): string | undefined {
  const url = href === undefined ? null : URL.parse(href.trim(), baseUrl);
  return url?.protocol === "http:" || url?.protocol === "https:" ? url.href : undefined;
}

/** White space as a browser shows it. */
export function collapsed(text: string): string {
  return text.replaceAll(/[\s\u00a0]+/g, " ").trim();
}
