/**
 * One page, fetched and decoded.
 *
 * @module
 */

import {
  type GuardedFetchOptions,
  type GuardedResponse,
  InputTooLargeError,
  type JobContext,
  PermanentJobError,
} from "../contract.ts";
import { decodeDataUrl, describeUrl, openLocalFile, requireSuccess } from "../guarded_fetch.ts";
import { decodeText } from "./charset.ts";
import { isPage, mediaType } from "./document.ts";
import type { ScrapingPayload } from "./payload.ts";

/** A page as it came. */
export interface Page {
  /** The URL that answered, after redirects. */
  readonly finalUrl: string;
  /** 0 where there is no server (a file, a data: URL). */
  readonly status: number;
  /** As the server has it. */
  readonly contentType: string;
  readonly charset: string;
  /** Decoded bytes of the body. */
  readonly bytes: number;
  readonly text: string;
  /** Where a redirect leads that the job does not want followed. */
  readonly location?: string;
}

/** What came is not something to scrape. Permanent. */
export class NotAPageError extends PermanentJobError {
  override name = "NotAPageError";
}

/**
 * Fetches pages as the payload wants it: its headers go to the first page's origin alone, since they
 * may hold credentials.
 */
export class PageFetcher {
  readonly userAgent: string;
  readonly #payload: ScrapingPayload;
  readonly #context: JobContext;
  readonly #home: string;

  constructor(payload: ScrapingPayload, home: URL, context: JobContext) {
    this.#payload = payload;
    this.#context = context;
    this.#home = home.origin;
    this.userAgent = payload.user_agent ?? context.userAgent ?? "Conductor";
  }

  /**
   * @throws {NotAPageError} when the content is of another kind than HTML, XML or text.
   * @throws whatever the guarded fetch, the file or the data: URL does.
   */
  async fetch(url: URL): Promise<Page> {
    if (url.protocol === "data:") return this.#dataPage(url);
    if (url.protocol === "file:") return await this.#filePage(url);
    return await this.#webPage(url);
  }

  /** A fetch with the payload's bounds and name, and nothing of its headers. */
  plainFetch(url: URL, options: GuardedFetchOptions): Promise<GuardedResponse> {
    return this.#context.fetch(url, {
      timeoutMs: this.#payload.timeout_ms,
      signal: this.#context.signal,
      ...options,
      headers: { "user-agent": this.userAgent, ...options.headers },
    });
  }

  get #bytesMax(): number {
    const { inputBytesMax } = this.#context.limits;
    return Math.min(this.#payload.max_bytes ?? inputBytesMax, inputBytesMax);
  }

  async #webPage(url: URL): Promise<Page> {
    const response = await this.plainFetch(url, {
      bodyBytesMax: this.#bytesMax,
      ...(this.#payload.follow_redirects ? {} : { redirectsMax: 0 }),
      headers: {
        accept: "text/html,application/xhtml+xml,application/xml;q=0.9,text/*;q=0.8,*/*;q=0.1",
        ...(url.origin === this.#home ? lowerCased(this.#payload.headers) : {}),
      },
    });
    const { status, headers: { location } } = response;
    const contentType = response.headers["content-type"] ?? "";
    if (location !== undefined && status >= 300 && status < 400) {
      await response.body.cancel();
      const leadsTo = URL.parse(location, response.url)?.href ?? location;
      return { ...page(response.url, status, contentType, new Uint8Array()), location: leadsTo };
    }
    await requireSuccess(response);
    if (!isPage(contentType)) {
      await response.body.cancel();
      throw notAPage(response.url, contentType);
    }
    return page(response.url, status, contentType, await response.bytes());
  }

  #dataPage(url: URL): Page {
    const { bytes, contentType } = decodeDataUrl(url, this.#bytesMax);
    if (!isPage(contentType)) throw notAPage(url.href, contentType);
    return page(url.href, 0, contentType, bytes);
  }

  async #filePage(url: URL): Promise<Page> {
    const file = await openLocalFile(url, this.#context.files);
    try {
      if (file.sizeBytes > this.#bytesMax) {
        throw new InputTooLargeError(
          `${describeUrl(url)} has ${file.sizeBytes} bytes; at most ${this.#bytesMax} are read.`,
        );
      }
      const bytes = new Uint8Array(await new Response(file.stream).arrayBuffer());
      return page(url.href, 0, /\.(xml|rss|atom)$/i.test(url.pathname) ? "text/xml" : "", bytes);
    } finally {
      await file.close();
    }
  }
}

function page(finalUrl: string, status: number, contentType: string, bytes: Uint8Array): Page {
  return { finalUrl, status, contentType, bytes: bytes.length, ...decodeText(bytes, contentType) };
}

function notAPage(url: string, contentType: string): NotAPageError {
  return new NotAPageError(
    `${describeUrl(url)} is ${mediaType(contentType)}, which is not a page to scrape.`,
  );
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}
