/**
 * The job type `web_scraping`: a page, or the pages of a site, as structured JSON.
 *
 * @module
 */

import { defineJobType } from "../contract.ts";
import { payloadSchema, type ScrapingPayload } from "./payload.ts";

/** Parses foreign HTML, so it runs in a process of its own. */
export const webScraping = defineJobType<ScrapingPayload>({
  name: "web_scraping",
  summary: "Fetches a web page or crawls a site, and extracts structured data by CSS selectors.",
  isolation: "process",
  payloadSchema,
  example: {
    url: "https://example.com/",
    selectors: {
      title: "h1",
      links: { selector: "a", type: "list", attribute: "href" },
    },
  },
  async run(payload, context) {
    // The HTML parser is loaded by those who scrape, not by every start of the program.
    const { scrape } = await import("./scrape.ts");
    return await scrape(payload, context);
  },
});
