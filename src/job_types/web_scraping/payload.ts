/**
 * What a `web_scraping` job is told.
 *
 * @module
 */

import { z } from "zod";
import { jobUrl } from "../job_url_schema.ts";
import { recordOf } from "../record_of.ts";

/** How a part of the page becomes a value. */
export type SelectorType =
  | "text"
  | "attribute"
  | "html"
  | "outer_html"
  | "exists"
  | "count"
  | "list"
  | "object"
  | "table"
  | "records";

/** One value of the result, or a list of them. */
export interface SelectorRule {
  /** CSS; left out (in `fields` alone): the element that the fields belong to. */
  readonly selector?: string | undefined;
  /** Default: `object` with `fields`, `attribute` with an attribute, else `text`. */
  readonly type?: SelectorType | undefined;
  /** `href`, `src` and their like become absolute URLs. */
  readonly attribute?: string | undefined;
  /** All that match, not the first; `type: "list"` says the same. */
  readonly multiple?: boolean | undefined;
  /** Selected within the element. */
  readonly fields?: Selectors | undefined;
  /** Collapse white space in text. Default true. */
  readonly trim?: boolean | undefined;
  /** A regular expression: its first group, or all that it matches, takes the value's place. */
  readonly match?: string | undefined;
  /** Fail when nothing matches, rather than answer null or an empty list. */
  readonly required?: boolean | undefined;
}

/** By name of the result. A text is a selector whose text is wanted, or `selector@attribute`. */
export interface Selectors {
  readonly [name: string]: string | SelectorRule;
}

/** Which further pages are fetched. */
export interface CrawlRule {
  /** Links followed from the first page: 0 is that page alone. */
  readonly depth: number;
  /** Pages requested at most, the first included. */
  readonly max_pages: number;
  /** Stay on the first page's host (with and without `www.`). */
  readonly same_site: boolean;
  /** Between the starts of two requests to one origin, in ms. */
  readonly delay_ms: number;
  /** Requests under way at once; those to one origin start `delay_ms` apart all the same. */
  readonly concurrency: number;
  /** CSS; the links to follow are looked for in what it selects alone, such as the pager. */
  readonly follow?: string | undefined;
  /** Take the pages of the site's sitemaps too, as if the first page linked to them. */
  readonly sitemap: boolean;
  /** Regular expressions; a link is followed when its URL matches one, if any is given. */
  readonly include: readonly string[];
  /** Regular expressions; a link is not followed when its URL matches one. */
  readonly exclude: readonly string[];
}

/** What a `web_scraping` job is told, after validation. */
export interface ScrapingPayload {
  readonly url: string;
  /** Left out: title, description, headings, links, images, text and the like. */
  readonly selectors?: Selectors | undefined;
  readonly crawl?: CrawlRule | undefined;
  readonly respect_robots: boolean;
  readonly user_agent?: string | undefined;
  /** For one page with its redirects, in ms. */
  readonly timeout_ms: number;
  /** For one connection with its TLS handshake, in ms. */
  readonly connect_timeout_ms?: number | undefined;
  /** From when the request was sent until its answer begins, in ms. */
  readonly first_byte_timeout_ms?: number | undefined;
  /** Of one page, decoded. Never more than the worker's own bound. */
  readonly max_bytes?: number | undefined;
  /** A page beyond a bound is read up to there, rather than refused. */
  readonly truncate: boolean;
  /** Keep the cookies that pages set, until the job ends. */
  readonly cookies: boolean;
  /** Left out: 2 in a crawl, 0 for one page, whose job is tried again as a whole. */
  readonly retries?: number | undefined;
  /** Sent to the first page's origin and to no other. */
  readonly headers: Readonly<Record<string, string>>;
  readonly follow_redirects: boolean;
}

const selector = z.string().trim().min(1).max(2_000);

const selectorType = z.enum([
  "text",
  "attribute",
  "html",
  "outer_html",
  "exists",
  "count",
  "list",
  "object",
  "table",
  "records",
]);

const pattern = z.string().min(1).max(1_000).refine((text) => {
  try {
    return new RegExp(text, "u") instanceof RegExp;
  } catch {
    return false;
  }
}, "it is not a regular expression");

const rule: z.ZodType<SelectorRule> = z.lazy(() =>
  z.strictObject({
    selector: selector.optional()
      .describe("CSS. Left out, within fields: the element that the fields belong to."),
    type: selectorType.optional().describe(
      "What is wanted of an element: its text, an attribute, its inner or outer HTML, whether or " +
        "how often it is there, a list of all, an object of fields; of a table its caption, headers " +
        "and rows, or records: its rows as objects by their heads. Left out: object with fields, " +
        "attribute with an attribute, else text.",
    ),
    attribute: z.string().min(1).max(200).optional()
      .describe("Its name; href, src and their like become absolute URLs."),
    multiple: z.boolean().optional()
      .describe('All that match, not the first; type "list" says the same.'),
    fields: selectors.optional()
      .describe("Values selected within the element, as selectors of the whole."),
    trim: z.boolean().optional()
      .describe("Collapse white space in text. Left out: yes."),
    match: pattern.optional().describe(
      "A regular expression: its first group, or all that it matches, takes the value's place; null " +
        "where it does not match.",
    ),
    required: z.boolean().optional()
      .describe("Fail when nothing matches, rather than answer null or an empty list."),
  }).superRefine((given, context) => {
    const fault = faultOf(given);
    if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
  })
);

const selectors: z.ZodType<Selectors> = recordOf(
  z.string().min(1).max(200),
  z.union([selector, rule]),
).refine((given) => Object.keys(given).length > 0, "it names nothing to extract")
  .refine((given) => Object.keys(given).length <= 500, "it names more than 500 values");

function faultOf({ type, attribute, fields, selector, match }: SelectorRule): string | undefined {
  if (type === "attribute" && attribute === undefined) {
    return 'type "attribute" needs the attribute\'s name, such as attribute: "href"';
  }
  if (type === "object" && fields === undefined) {
    return 'type "object" needs fields, such as fields: { "price": ".price" }';
  }
  if (fields !== undefined && attribute !== undefined) {
    return "give fields or an attribute, not both";
  }
  if (fields !== undefined && type !== undefined && type !== "object" && type !== "list") {
    return `fields go with type "object" or "list", not "${type}"`;
  }
  const ownKind = attribute !== undefined && type !== undefined && type !== "attribute" &&
    type !== "list";
  if (ownKind) return `an attribute goes with type "attribute" or "list", not "${type}"`;
  const isText = type === undefined || type === "text" || type === "html" ||
    type === "outer_html" || type === "attribute" || type === "list";
  if (match !== undefined && (fields !== undefined || !isText)) {
    return `match goes with text, html or an attribute, not ${
      fields === undefined ? `"${type}"` : "fields"
    }`;
  }
  if (selector === undefined && attribute === undefined && fields === undefined && !type) {
    return "it says nothing of what to extract; give a selector";
  }
  return undefined;
}

const crawl = z.strictObject({
  depth: z.number().int().min(0).max(100).default(1)
    .describe("Links followed from the first page; 0 is that page alone."),
  max_pages: z.number().int().min(1).max(10_000).default(50)
    .describe("Pages requested at most, the first included."),
  same_site: z.boolean().default(true)
    .describe("Stay on the first page's host, with and without www."),
  delay_ms: z.number().int().min(0).max(600_000).default(500)
    .describe("Between the starts of two requests to one origin; robots.txt may ask for more."),
  concurrency: z.number().int().min(1).max(16).default(1).describe(
    "Requests under way at once; those to one origin start delay_ms apart all the same.",
  ),
  follow: selector.optional().describe(
    "CSS: links are looked for in what it selects alone, such as a.next or nav. Left out: in the " +
      "whole page.",
  ),
  sitemap: z.boolean().default(false).describe(
    "Take the pages of the site's sitemaps too (those that robots.txt names, else /sitemap.xml), as " +
      "if the first page linked to them.",
  ),
  include: z.array(pattern).max(100).default([])
    .describe(
      "Regular expressions; if there are any, a link is followed when its URL matches one.",
    ),
  exclude: z.array(pattern).max(100).default([])
    .describe("Regular expressions; a link is not followed when its URL matches one."),
});

/** Importable without the HTML parser. */
export const payloadSchema: z.ZodType<ScrapingPayload> = z.strictObject({
  url: jobUrl.describe(
    "The page, or where a crawl begins: http, https, data or file; a bare host/path means https.",
  ),
  selectors: selectors.optional().describe(
    'What to extract, by name: a CSS selector whose text is wanted, "selector@attribute", or an ' +
      "object. What is in a <template> is found where that is selected, by its fields. Left out: " +
      "title, description, headings, links, images, text and the like.",
  ),
  crawl: crawl.optional().describe("Follow links from the page; left out: that page alone."),
  respect_robots: z.boolean().default(true)
    .describe("Ask robots.txt of a page and of where it redirects, and heed nofollow in a crawl."),
  user_agent: z.string().regex(/^[\x20-\x7e]{1,300}$/, "it must be printable ASCII").optional()
    .describe("The name to go by, for servers and robots.txt. Left out: the worker's."),
  timeout_ms: z.number().int().min(1).max(3_600_000).default(30_000)
    .describe("For one page with its redirects and body, in milliseconds."),
  connect_timeout_ms: z.number().int().min(1).max(600_000).optional()
    .describe("For one connection with its TLS handshake. Left out: 10 seconds."),
  first_byte_timeout_ms: z.number().int().min(1).max(3_600_000).optional()
    .describe("From when a request was sent until its answer begins. Left out: timeout_ms alone."),
  max_bytes: z.number().int().min(1).optional()
    .describe("Of one page, decompressed. Never more than the worker's jobs.input_bytes_max."),
  truncate: z.boolean().default(false).describe(
    "Read a page that is too long, or has too many elements, up to its bound; the result says so.",
  ),
  cookies: z.boolean().default(true)
    .describe("Keep the cookies that pages set for further requests, until the job ends."),
  retries: z.number().int().min(0).max(10).optional().describe(
    "How often a page is asked for again after a failure that may pass (5xx, 429, the network), " +
      "after 1 s, 2 s, 4 s ..., or what Retry-After says up to a minute. Left out: 2 in a crawl, 0 " +
      "for one page, whose job is tried again as a whole.",
  ),
  headers: recordOf(z.string(), z.string()).default({})
    .describe("Sent to the first page's origin and to no other."),
  follow_redirects: z.boolean().default(true)
    .describe("No: a redirect is itself the answer, with where it leads as location."),
});
