/**
 * One page, fetched and read.
 *
 * @module
 */

import type { CookieStore, GuardedFetchOptions, GuardedResponse, JobContext } from "../contract.ts";
import { decodeDataUrl, openLocalFile, requireSuccess } from "../guarded_fetch.ts";
import { announcedKind, mediaType, notAPage, type ReadContent, readContent } from "./content.ts";
import type { ScrapingPayload } from "./payload.ts";

/** A page as it came. */
export interface Page {
  /** The URL that answered, after redirects. */
  readonly finalUrl: string;
  /** 0 where there is no server (a file, a data: URL). */
  readonly status: number;
  /** As the server has it. */
  readonly contentType: string;
  /** Absent where a redirect is the answer. */
  readonly read?: ReadContent;
  /** What the server asks robots, by its header `x-robots-tag`. */
  readonly robotsTag?: string;
  /** Where a redirect leads that the job does not want followed. */
  readonly location?: string;
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
  readonly #cookies: CookieStore | undefined;

  /** @param cookies kept from page to page; left out: none are. */
  constructor(payload: ScrapingPayload, home: URL, context: JobContext, cookies?: CookieStore) {
    this.#payload = payload;
    this.#context = context;
    this.#home = home.origin;
    this.#cookies = cookies;
    this.userAgent = payload.user_agent ?? context.userAgent ?? "Conductor";
  }

  /** Decoded bytes that a page may have. */
  get bytesMax(): number {
    const { inputBytesMax } = this.#context.limits;
    return Math.min(this.#payload.max_bytes ?? inputBytesMax, inputBytesMax);
  }

  /**
   * @throws {NotAPageError} when the content is of another kind than HTML, XML, JSON or text.
   * @throws whatever the guarded fetch, the file or the data: URL does.
   */
  async fetch(url: URL): Promise<Page> {
    if (url.protocol === "data:") return await this.#dataPage(url);
    if (url.protocol === "file:") return await this.#filePage(url);
    return await this.#webPage(url);
  }

  /** A fetch with the payload's bounds and name, and nothing of its headers. */
  plainFetch(url: URL, options: GuardedFetchOptions): Promise<GuardedResponse> {
    const { timeout_ms, connect_timeout_ms, first_byte_timeout_ms } = this.#payload;
    return this.#context.fetch(url, {
      timeoutMs: timeout_ms,
      ...(connect_timeout_ms === undefined ? {} : { connectTimeoutMs: connect_timeout_ms }),
      ...(first_byte_timeout_ms === undefined ? {} : { firstByteTimeoutMs: first_byte_timeout_ms }),
      ...(this.#cookies === undefined ? {} : { cookies: this.#cookies }),
      signal: this.#context.signal,
      ...options,
      headers: { "user-agent": this.userAgent, ...options.headers },
    });
  }

  async #webPage(url: URL): Promise<Page> {
    const response = await this.plainFetch(url, {
      // What may be cut is counted where it is cut.
      bodyBytesMax: this.#payload.truncate ? Number.MAX_SAFE_INTEGER : this.bytesMax,
      ...(this.#payload.follow_redirects ? {} : { redirectsMax: 0 }),
      headers: {
        accept: "text/html,application/xhtml+xml,application/xml;q=0.9,application/json;q=0.8," +
          "text/*;q=0.8,*/*;q=0.1",
        ...(url.origin === this.#home ? lowerCased(this.#payload.headers) : {}),
      },
    });
    const { status, headers: { location } } = response;
    const contentType = response.headers["content-type"] ?? "";
    if (location !== undefined && status >= 300 && status < 400) {
      await response.body.cancel();
      const leadsTo = URL.parse(location, response.url)?.href ?? location;
      return { finalUrl: response.url, status, contentType, location: leadsTo };
    }
    await requireSuccess(response);
    if (announcedKind(contentType) === undefined) {
      await response.body.cancel();
      throw notAPage(response.url, mediaType(contentType));
    }
    const robotsTag = response.headers["x-robots-tag"];
    return {
      ...await this.#page(response.url, status, contentType, response.body),
      ...(robotsTag === undefined ? {} : { robotsTag }),
    };
  }

  async #dataPage(url: URL): Promise<Page> {
    const { bytes, contentType } = decodeDataUrl(url, this.bytesMax);
    return await this.#page(url.href, 0, contentType, [bytes]);
  }

  async #filePage(url: URL): Promise<Page> {
    const file = await openLocalFile(url, this.#context.files);
    try {
      const [, type = ""] = FILE_TYPES.find(([ending]) => ending.test(url.pathname)) ?? [];
      return await this.#page(url.href, 0, type, file.stream);
    } finally {
      await file.close();
    }
  }

  async #page(
    finalUrl: string,
    status: number,
    contentType: string,
    body: AsyncIterable<Uint8Array> | readonly Uint8Array[],
  ): Promise<Page> {
    const read = await readContent(chunksOf(body), {
      url: finalUrl,
      contentType,
      bytesMax: this.bytesMax,
      truncate: this.#payload.truncate,
    });
    return { finalUrl, status, contentType, read };
  }
}

/** What a file is taken for by its name; any other by its bytes. */
const FILE_TYPES: readonly (readonly [ending: RegExp, type: string])[] = [
  [/\.(xml|rss|atom)$/i, "text/xml"],
  [/\.json$/i, "application/json"],
  [/\.(txt|md|log|csv|tsv)$/i, "text/plain"],
];

async function* chunksOf(
  body: AsyncIterable<Uint8Array> | readonly Uint8Array[],
): AsyncGenerator<Uint8Array, void> {
  yield* body;
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}
