/**
 * The job type `web_scraping`: a page, or the pages of a site, as structured JSON.
 *
 * @module
 */

import { defineJobType } from "../contract.ts";
import { payloadSchema, type ScrapingPayload } from "./payload.ts";
import { resultSchema } from "./result_schema.ts";

/** Parses foreign HTML, so it runs in a process of its own. */
export const webScraping = defineJobType<ScrapingPayload>({
  name: "web_scraping",
  summary: "Fetches a web page or crawls a site, and extracts structured data by CSS selectors.",
  isolation: "process",
  payloadSchema,
  resultSchema,
  limits: [
    {
      name: "bytes of a page",
      key: "jobs.input_bytes_max",
      meaning: "Decompressed; a longer page fails for good (in a crawl alone), or is read up to " +
        "there with truncate.",
    },
    {
      name: "result",
      key: "jobs.result_bytes_max",
      meaning: "A crawl ends before its result grows beyond it.",
    },
    {
      name: "addresses",
      key: "jobs.private_addresses",
      meaning: "Where it refuses, pages are fetched from public addresses alone, and from those " +
        "of jobs.address_allow_list.",
    },
    { name: "redirects", value: "10", meaning: "More fail the page." },
    {
      name: "elements of a page",
      value: "1200000 elements, attributes and texts",
      meaning: "As for its bytes; about 12 MB of HTML, and 250 MB of memory.",
    },
    { name: "nesting of a page", value: "2000 elements", meaning: "Deeper pages fail for good." },
    {
      name: "pages of a crawl",
      value: "10000",
      meaning: "At most; 50 unless max_pages says more.",
    },
  ],
  example: {
    url: "https://example.com/",
    selectors: {
      title: "h1",
      links: { selector: "a", type: "list", attribute: "href" },
    },
  },
  examples: [
    {
      title: "All that is worth knowing of a page",
      payload: { url: "https://example.com/" },
    },
    {
      title: "A table's rows as objects",
      payload: {
        url: "https://example.com/prices",
        selectors: {
          prices: { selector: "table.prices", type: "records" },
          total: { selector: "p.total", match: "([0-9.]+) EUR" },
        },
      },
    },
    {
      title: "A list over many pages",
      payload: {
        url: "https://example.com/shop?page=1",
        selectors: {
          items: { selector: ".item", multiple: true, fields: { name: "h2", link: "a@href" } },
        },
        crawl: { follow: "a.next, link[rel=next]", depth: 100, max_pages: 100 },
      },
    },
    {
      title: "The news of a site, politely",
      payload: {
        url: "https://example.com/news/",
        selectors: { headline: { selector: "h1", required: true }, date: "time@datetime" },
        crawl: { depth: 2, max_pages: 20, delay_ms: 1_000, sitemap: true, include: ["/news/"] },
      },
    },
  ],
  async prepare() {
    await import("./scrape.ts");
  },
  async run(payload, context) {
    // The HTML parser is loaded by those who scrape, not by every start of the program.
    const { scrape } = await import("./scrape.ts");
    return await scrape(payload, context);
  },
});
