/**
 * `web_scraping` on a site of its own machine beside wget: ours parses every page and extracts, wget
 * looks for links and writes the page to disk. And a page so long that its tree counts.
 *
 * @module
 */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { costOfCommand, costOfJob, type Row } from "./measure.ts";

/** What is measured, and how much of it. */
export interface PageTerms {
  readonly directory: string;
  /** Pages of the site, some 12 kB each. */
  readonly pages: number;
  /** Rows of the table on the long page, some 150 bytes each. */
  readonly rows: number;
}

/** Measures them all. */
export async function measurePages({ directory, pages, rows }: PageTerms): Promise<Row[]> {
  const texts = new Map(Array.from({ length: pages }, (_, n) => [`/${n}`, pageText(n, pages)]));
  texts.set("/long", longPage(rows));
  const server = createServer((request, response) => {
    const text = texts.get(request.url ?? "");
    response.writeHead(text === undefined ? 404 : 200, { "content-type": "text/html" });
    response.end(text);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    return [
      ...await crawls(origin, pages, directory),
      {
        what: `a page of ${
          Math.round(texts.get("/long")!.length / 1e6)
        } MB, what its last row says`,
        amount: rows,
        unit: "table rows/s",
        ours: await costOfJob("web_scraping", {
          url: `${origin}/long`,
          selectors: {
            last: { selector: "tr:last-child", fields: { name: "td", link: "a@href" } },
          },
        }, { directory }),
      },
    ];
  } finally {
    await new Promise((closed) => server.close(closed));
  }
}

async function crawls(origin: string, pages: number, directory: string): Promise<Row[]> {
  const target = join(directory, "wget");
  // One page after the other over one connection, as wget goes about it.
  const theirs = await costOfCommand([
    ...["wget", "--quiet", "--recursive", "--level=inf", "--directory-prefix", target] as const,
    `${origin}/0`,
  ]);
  const beside = theirs === undefined ? {} : { tool: "wget -r", theirs };
  const rows: Row[] = [];
  for (const concurrency of [1, 8]) {
    const payload = {
      url: `${origin}/0`,
      selectors: { title: "h1", facts: { selector: "table", type: "records" } },
      crawl: { depth: 100, max_pages: pages, delay_ms: 0, concurrency },
    };
    rows.push({
      what: `a crawl of ${pages} pages, ${concurrency} at once`,
      amount: pages,
      unit: "pages/s",
      ours: await costOfJob("web_scraping", payload, { directory }),
      ...beside,
    });
  }
  return rows;
}

/** A page that leads to ten below it, to its neighbours and home. */
function pageText(n: number, pages: number): string {
  const links = [0, n - 1, n + 1, ...Array.from({ length: 10 }, (_, child) => n * 10 + child + 1)]
    .filter((each) => each >= 0 && each < pages)
    .map((each) => `<li><a href="/${each}">Page ${each} of the site</a></li>`).join("\n");
  const sentence = `This is <em>page</em> ${n}, and what it says is <b>not</b> of interest. `;
  const paragraphs = Array.from(
    { length: 14 },
    (_, number) => `<section><h2>Part ${number}</h2><p>${sentence.repeat(9)}</p></section>`,
  ).join("\n");
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Page ${n}</title>
<style>body { margin: 0 }</style></head><body><nav><ul>${links}</ul></nav><h1>Page ${n}</h1>
<table><tr><th>name<th>value<tr><td>number<td>${n}<tr><td>of<td>${pages}</table>
${paragraphs}<script>console.log(${n})</script></body></html>`;
}

function longPage(rows: number): string {
  const lines = Array.from(
    { length: rows },
    (_, n) =>
      `<tr id="r${n}" class="row"><td>Item number ${n}</td><td><a href="/item/${n}">its page</a></td>` +
      `<td class="price">${(n % 1000) / 100} EUR</td></tr>`,
  );
  return `<!doctype html><meta charset="utf-8"><title>Long</title><table>${
    lines.join("\n")
  }</table>`;
}
