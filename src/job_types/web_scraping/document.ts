/**
 * A page's text as a tree that can be asked by CSS selectors.
 *
 * @module
 */

import { type CheerioAPI, load } from "cheerio/slim";
import type { Htmlparser2TreeAdapterMap } from "parse5-htmlparser2-tree-adapter";
import { ParserStream } from "parse5-parser-stream";
import { PermanentJobError } from "../contract.ts";
import { describeUrl } from "../job_url.ts";
import { BoundedTree } from "./bounded_tree.ts";

/** A parsed page and the URL that its relative links count from. */
export interface PageDocument {
  readonly $: CheerioAPI;
  readonly baseUrl: string;
  /** What stands between the tags is preformatted: a text that is no markup. */
  readonly isPlainText?: boolean;
}

/** Builds the tree of an HTML page while it comes, as browsers do; the text itself is not kept. */
export class HtmlBuilder {
  readonly #tree: BoundedTree;
  readonly #parser: ParserStream<Htmlparser2TreeAdapterMap>;
  readonly #url: string;
  #pending = "";

  constructor(url: string, nodesMax?: number) {
    this.#url = url;
    this.#tree = new BoundedTree(url, nodesMax);
    this.#parser = new ParserStream({ treeAdapter: this.#tree.adapter });
  }

  /**
   * Takes the next piece of the page.
   *
   * @throws {TreeFullError} when the tree has as many nodes as it may; what it has so far stands.
   * @throws {PermanentJobError} for a page that is nested without end.
   */
  write(text: string): void {
    this.#pending += text;
    const { length } = this.#pending;
    const { pos } = this.#parser.parser.tokenizer.preprocessor;
    if (length >= Math.min(pos * PENDING_SHARE, PENDING_LENGTH_MAX)) this.#parse();
  }

  /** Takes the page's end. @throws as `write` does */
  end(): void {
    this.#parse();
    this.#parser.end();
  }

  /** The tree of all that was taken. */
  document(): PageDocument {
    return documentFrom(load(this.#parser.document, AS_WRITTEN), this.#url);
  }

  #parse(): void {
    const text = this.#pending;
    this.#pending = "";
    this.#parser.write(text);
    this.#requireFewAttributes();
    flattenUnfinished(this.#parser.parser.tokenizer);
    if (this.#tree.isFull) throw this.#tree.full();
  }

  /** Each attribute is looked for among those before it: with a hundred thousand it takes minutes. */
  #requireFewAttributes(): void {
    const token = this.#parser.parser.tokenizer["currentToken"];
    const count = token !== null && "attrs" in token ? token.attrs.length : 0;
    if (count <= ATTRIBUTES_MAX) return;
    throw new PermanentJobError(
      `${describeUrl(this.#url)} has an element with more than ${ATTRIBUTES_MAX} attributes.`,
    );
  }
}

/** Of an element that is longer than what is parsed at once. */
const ATTRIBUTES_MAX = 10_000;

/**
 * The parser holds a text without tags and blanks, a value or a comment until its end, say a font of megabytes
 * in a style, and copies it whole for every piece that comes: the longer it is, the longer are the pieces.
 */
const PENDING_SHARE = 1 / 8;
const PENDING_LENGTH_MAX = 512 * 1024;

/**
 * The parser appends to what it has not finished one character after the other, each of which V8 keeps as
 * a link of a chain of some hundred bytes, until somebody looks into the text.
 */
function flattenUnfinished(
  tokenizer: ParserStream<Htmlparser2TreeAdapterMap>["parser"]["tokenizer"],
) {
  const unfinished = [
    tokenizer["currentCharacterToken"],
    tokenizer["currentToken"],
    tokenizer["currentAttr"],
  ];
  for (const value of unfinished.flatMap((each) => Object.values({ ...each }))) {
    if (typeof value === "string") value.charCodeAt(0);
  }
}

/** A whole HTML page at once; see {@linkcode HtmlBuilder}. */
export function parseHtml(text: string, url: string): PageDocument {
  const builder = new HtmlBuilder(url);
  builder.write(text);
  builder.end();
  return builder.document();
}

/** XML: a feed, a sitemap. */
export function parseXml(text: string, url: string): PageDocument {
  return documentFrom(load(text, { xml: true }), url);
}

/** Text that is no markup, as browsers show it: the content of a `pre`. */
export function plainTextDocument(text: string, url: string): PageDocument {
  const document = parseHtml("<pre></pre>", url);
  document.$("pre").text(text);
  return { ...document, isPlainText: true };
}

/** Markup that is handed back has `é` for é, not a numeric entity. */
const AS_WRITTEN = { xml: { xmlMode: false, encodeEntities: "utf8" } } as const;

function documentFrom($: CheerioAPI, url: string): PageDocument {
  const base = $("base[href]").first().attr("href");
  const given = base === undefined ? null : URL.parse(base.trim(), url);
  // As the HTML standard has it: such a base is none.
  const isUsable = given !== null && given.protocol !== "data:" && given.protocol !== "javascript:";
  return { $, baseUrl: isUsable ? given.href : url };
}

/** The http or https URL that a link of the page leads to, if it is one. */
export function absoluteUrl(href: string | undefined, baseUrl: string): string | undefined {
  const url = href === undefined ? null : URL.parse(href.trim(), baseUrl);
  return url?.protocol === "http:" || url?.protocol === "https:" ? url.href : undefined;
}

/** White space as a browser shows it. */
export function collapsed(text: string): string {
  return text.replaceAll(/[\s\u00a0]+/g, " ").trim();
}
