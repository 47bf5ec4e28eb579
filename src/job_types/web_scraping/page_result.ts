/**
 * What is handed back of a page.
 *
 * @module
 */

import { PermanentJobError } from "../contract.ts";
import { describeUrl } from "../job_url.ts";
import type { Content } from "./content.ts";
import type { PageDocument } from "./document.ts";
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
  /** What it was read as; left out with a `location`. */
  readonly kind?: Content["kind"];
  /** Left out with a `location`. */
  readonly charset?: string;
  /** Decoded bytes of the page that were read. */
  readonly bytes: number;
  /** The page is longer than what was read of it. */
  readonly truncated?: true;
  /** Where a redirect leads that was not to be followed; there is no data then. */
  readonly location?: string;
  /** By the selectors' names, or the overview; of JSON its value. */
  readonly data: unknown;
}

/** The tree of a page that has one. */
export function documentOf(page: Page): PageDocument | undefined {
  const content = page.read?.content;
  return content === undefined || content.kind === "json" ? undefined : content.document;
}

/**
 * Extracts what the payload asks for.
 *
 * @throws {PermanentJobError} when selectors are to be applied to JSON.
 */
export function pageResult(url: string, page: Page, payload: ScrapingPayload): PageResult {
  const { read } = page;
  return {
    url: named(url),
    final_url: named(page.finalUrl),
    ...(page.status === 0 ? {} : { status: page.status }),
    content_type: page.contentType,
    ...(read === undefined ? {} : { kind: read.content.kind, charset: read.charset }),
    bytes: read?.bytes ?? 0,
    ...(read?.isTruncated ? { truncated: true } : {}),
    ...(page.location === undefined ? {} : { location: page.location }),
    data: read === undefined ? null : dataOf(page.finalUrl, read.content, payload),
  };
}

function dataOf(url: string, content: Content, { selectors }: ScrapingPayload): unknown {
  if (content.kind !== "json") {
    return selectors === undefined
      ? overviewOf(content.document)
      : extract(content.document, selectors);
  }
  if (selectors === undefined) return content.value;
  throw new PermanentJobError(
    `${
      describeUrl(url)
    } is JSON, in which CSS selectors find nothing; leave the selectors out, and ` +
      "the data is its value.",
  );
}

/** A `data:` URL is the page itself and not repeated. */
function named(url: string): string {
  return url.startsWith("data:") ? describeUrl(url) : url;
}
