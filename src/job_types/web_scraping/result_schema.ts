/**
 * What a `web_scraping` job hands back, described. Importable without the HTML parser.
 *
 * @module
 */

import { z } from "zod";
import type { CrawlResult } from "./crawl.ts";
import type { Overview } from "./overview.ts";
import type { PageResult } from "./page_result.ts";

const metaValues = z.record(
  z.string(),
  z.union([z.string(), z.array(z.string()).readonly()]),
);

/** The data of a page where the job names no selectors. */
export const overviewSchema = z.strictObject({
  title: z.string().nullable().describe("Of the page's head."),
  description: z.string().nullable().describe("The description of its meta or og:description."),
  canonical: z.string().nullable().describe("The address that the page itself gives as its own."),
  language: z.string().nullable().describe("The lang of the html element."),
  headings: z.array(z.strictObject({
    level: z.int().min(1).max(6).describe("1 for h1."),
    text: z.string().describe("White space collapsed."),
  })).readonly().describe("In the page's order."),
  links: z.array(z.strictObject({
    url: z.string().describe("Absolute, without its fragment."),
    text: z.string().describe("The first text that names it, or an image's alt."),
  })).readonly().describe("To http and https, each URL once."),
  images: z.array(z.strictObject({
    url: z.string().describe("Absolute; of src, data-src or srcset."),
    alt: z.string().describe("Empty if there is none."),
  })).readonly().describe("Each URL once."),
  tables: z.array(z.strictObject({
    caption: z.string().nullable().describe("Null if it has none."),
    headers: z.array(z.string()).readonly()
      .describe("One for each column; of several rows joined by a blank."),
    rows: z.array(z.array(z.string()).readonly()).readonly()
      .describe("All of one length; cells that span several are repeated in each."),
  })).readonly().describe("Tables with a head and rows; what only lays the page out is none."),
  feeds: z.array(z.string()).readonly().describe("RSS and Atom that the page names, absolute."),
  next: z.string().nullable().describe("The page after this one, by rel=next."),
  previous: z.string().nullable().describe("The page before this one, by rel=prev."),
  text: z.string().describe("As a reader sees it: no scripts, one line a block."),
  json_ld: z.array(z.unknown()).readonly().describe("Every JSON-LD block that is valid JSON."),
  open_graph: metaValues.describe("og:title and the like; one that is repeated has a list."),
  meta: metaValues.describe("Other meta elements, by lower-case name."),
  warnings: z.array(z.string()).readonly()
    .describe("What could not be read, or was cut to its bound."),
}) satisfies z.ZodType<Overview>;

const pageFields = {
  url: z.string().describe("As it was asked for."),
  final_url: z.string().describe("That answered, after redirects."),
  status: z.int().optional().describe("Of HTTP; left out where there is no server."),
  content_type: z.string().describe("As the server has it."),
  kind: z.enum(["html", "xml", "text", "json"]).optional()
    .describe("What it was read as; left out with a location."),
  charset: z.string().optional().describe(
    "That the page was read in, by the Encoding standard's name; left out with a location.",
  ),
  bytes: z.int().min(0).describe("Of the page that were read, decompressed."),
  truncated: z.literal(true).optional()
    .describe("The page is longer than what was read of it; only with truncate in the payload."),
  location: z.string().optional()
    .describe("Where a redirect leads that was not to be followed; there is no data then."),
};

/** Whatever the selectors say, or JSON holds, so that in truth it may be anything. */
const data = z.union([overviewSchema, z.unknown()]).describe(
  "Values by the selectors' names; of JSON its value; without selectors the overview that follows.",
);

const depth = z.int().min(0).describe("Links followed to it from the first page.");

const page = z.strictObject({ ...pageFields, data }).meta({
  title: "one page",
}) satisfies z.ZodType<PageResult>;

const crawl = z.strictObject({
  url: z.string().describe("Where the crawl began."),
  pages: z.array(z.union([
    z.strictObject({
      ...pageFields,
      data: z.unknown().describe("As of one page."),
      depth,
    }).meta({ title: "read" }),
    z.strictObject({
      url: z.string().describe("As it was asked for."),
      depth,
      error: z.string().describe("Why it could not be read."),
      retryable: z.boolean().describe("Another time it may be read: the network, a busy server."),
    }).meta({ title: "failed" }),
  ])).readonly().describe("In the order in which they were asked for, the first page first."),
  fetched: z.int().min(0).describe("Pages that were read."),
  failed: z.int().min(0).describe("Pages that were not."),
  refused_by_robots: z.int().min(0).describe(
    "Pages left out since robots.txt, or every page that links to them, asks not to go there.",
  ),
  stopped_by: z.enum(["done", "max_pages", "result_size"])
    .describe("done: no link was left; else the bound that was met."),
}).meta({ title: "a crawl" }) satisfies z.ZodType<CrawlResult>;

/** See the module's comment. */
export const resultSchema = z.union([page, crawl]).describe(
  "One page; with crawl in the payload, many.",
);
