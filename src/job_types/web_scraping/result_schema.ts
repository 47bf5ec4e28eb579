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
  charset: z.string().describe("That the page was read in, by the Encoding standard's name."),
  bytes: z.int().min(0).describe("Of the page, decompressed."),
  location: z.string().optional()
    .describe("Where a redirect leads that was not to be followed; there is no data then."),
  data: z.unknown()
    .describe("Values by the selectors' names; without selectors the overview; see README."),
};

const depth = z.int().min(0).describe("Links followed to it from the first page.");

const page = z.strictObject(pageFields).meta({ title: "one page" }) satisfies z.ZodType<PageResult>;

const crawl = z.strictObject({
  url: z.string().describe("Where the crawl began."),
  pages: z.array(z.union([
    z.strictObject({ ...pageFields, depth }).meta({ title: "read" }),
    z.strictObject({
      url: z.string().describe("As it was asked for."),
      depth,
      error: z.string().describe("Why it could not be read."),
    }).meta({ title: "failed" }),
  ])).readonly().describe("In the order of visits, the first page first."),
  fetched: z.int().min(0).describe("Pages that were read."),
  failed: z.int().min(0).describe("Pages that were not."),
  refused_by_robots: z.int().min(0)
    .describe("Links that robots.txt, or the pages themselves, ask not to follow."),
  stopped_by: z.enum(["done", "max_pages", "result_size"])
    .describe("done: no link was left; else the bound that was met."),
}).meta({ title: "a crawl" }) satisfies z.ZodType<CrawlResult>;

/** See the module's comment. */
export const resultSchema = z.union([page, crawl]).describe(
  "One page; with crawl in the payload, many.",
);
