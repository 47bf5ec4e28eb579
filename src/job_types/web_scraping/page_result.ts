/**
 * What is handed back of a page.
 *
 * @module
 */

import { describeUrl } from "../job_url.ts";
import { type PageDocument, parseDocument } from "./document.ts";
import { extract } from "./extract.ts";
import { overviewOf } from "./overview.ts";
import type { Page } from "./page.ts";
import type { ScrapingPayload } from "./payload.ts";

/** What is handed back of a page. */
export interface PageResult {
  readonly url: string;
  /** After redirects. */
  readonly final_url: string;
  /** Left out where there is no server. */
  readonly status?: number;
  readonly content_type: string;
  readonly charset: string;
  /** Decoded bytes of the page. */
  readonly bytes: number;
  /** Where a redirect leads that was not to be followed; there is no data then. */
  readonly location?: string;
  /** By the selectors' names, or the overview. */
  readonly data: unknown;
}

/** Parses a page, unless it only says where to go. */
export function documentOf(page: Page): PageDocument | undefined {
  if (page.location !== undefined) return undefined;
  return parseDocument(page.text, page.contentType, page.finalUrl);
}

/** Extracts what the payload asks for. */
export function pageResult(
  url: string,
  page: Page,
  document: PageDocument | undefined,
  { selectors }: ScrapingPayload,
): PageResult {
  const data = document === undefined
    ? null
    : selectors === undefined
    ? overviewOf(document)
    : extract(document, selectors);
  return {
    url: named(url),
    final_url: named(page.finalUrl),
    ...(page.status === 0 ? {} : { status: page.status }),
    content_type: page.contentType,
    charset: page.charset,
    bytes: page.bytes,
    ...(page.location === undefined ? {} : { location: page.location }),
    data,
  };
}

/** A `data:` URL is the page itself and not repeated. */
function named(url: string): string {
  return url.startsWith("data:") ? describeUrl(url) : url;
}
