/**
 * Debian's Chromium, driven by playwright-core, with an eye on what a page must not do.
 *
 * @module
 */

import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

/** Where it is looked for, unless CHROMIUM names it. */
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The executable; undefined where there is none. */
export function chromiumPath(): string | undefined {
  const named = Deno.env.get("CHROMIUM");
  if (named !== undefined && named !== "") return named;
  return PLACES.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch (failure) {
      if (failure instanceof Deno.errors.NotFound) return false;
      throw failure;
    }
  });
}

/** @throws when there is no Chromium; see {@linkcode chromiumPath} */
export function launch(): Promise<Browser> {
  const executablePath = chromiumPath();
  if (executablePath === undefined) throw new Error("there is no Chromium: apt install chromium");
  return chromium.launch({
    executablePath,
    // As root, in a container: it has no sandbox of its own, and often little of /dev/shm.
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run"],
  });
}

/** What a visitor's pages did. */
class Watch {
  /** Errors and warnings of the console, exceptions, refusals of the security policy. */
  readonly complaints: string[] = [];
  /** Addresses that were asked for, of any origin. */
  readonly asked: string[] = [];
  /** Bytes that came over the wire for the page's own files, headers included. */
  fileBytes = 0;

  /** Whatever the context's pages do from now on. */
  async over(page: Page): Promise<void> {
    page.on("console", (message) => {
      if (!["error", "warning"].includes(message.type())) return;
      this.complaints.push(`${message.type()}: ${message.text()} (${message.location().url})`);
    });
    page.on("pageerror", (error) => this.complaints.push(`exception: ${error.stack ?? error}`));
    page.on("request", (request) => this.asked.push(request.url()));
    const session = await page.context().newCDPSession(page);
    await session.send("Network.enable");
    const paths = new Map<string, string>();
    session.on("Network.requestWillBeSent", ({ requestId, request }) => {
      paths.set(requestId, new URL(request.url).pathname);
    });
    session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
      if (paths.get(requestId)?.startsWith("/api/") === false) this.fileBytes += encodedDataLength;
    });
  }
}

/** A visitor with cookies of their own. */
export interface Visitor {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly watch: Watch;
}

export async function visitor(browser: Browser): Promise<Visitor> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  // A busy machine takes its time; that is no fault of the page.
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const watch = new Watch();
  await watch.over(page);
  return { context, page, watch };
}
