/**
 * What is worth knowing of a page when the job names no selectors.
 *
 * @module
 */

import { isDeeperThan, parseExactly } from "../../json/mod.ts";
import { JSON_LEVELS_MAX } from "./content.ts";
import { absoluteUrl, collapsed, type PageDocument } from "./document.ts";
import { type Link, linksOf } from "./links.ts";
import { type TableData, tableOf } from "./tables.ts";
import { visibleText } from "./visible_text.ts";

/** The extraction without selectors. Lists are in the page's order and bounded. */
export interface Overview {
  readonly title: string | null;
  readonly description: string | null;
  readonly canonical: string | null;
  readonly language: string | null;
  readonly headings: readonly { readonly level: number; readonly text: string }[];
  /** Each URL once. */
  readonly links: readonly Link[];
  readonly images: readonly { readonly url: string; readonly alt: string }[];
  /** Tables with a head and rows; what only lays the page out is none. */
  readonly tables: readonly TableData[];
  /** Feeds that the page names as its own, RSS or Atom, absolute. */
  readonly feeds: readonly string[];
  /** The page after this one, by `rel=next`. */
  readonly next: string | null;
  /** The page before this one, by `rel=prev`. */
  readonly previous: string | null;
  /** As a reader sees it: no scripts, one line a block. */
  readonly text: string;
  /** Every JSON-LD block that is valid JSON. */
  readonly json_ld: readonly unknown[];
  /** `og:title` and the like; a property that is repeated has a list. */
  readonly open_graph: Readonly<Record<string, string | readonly string[]>>;
  /** Other `<meta name>`, by lower-case name. */
  readonly meta: Readonly<Record<string, string | readonly string[]>>;
  /** What could not be read, or was cut to its bound. */
  readonly warnings: readonly string[];
}

const LIST_MAX = 1_000;
const TABLES_MAX = 20;
const TABLE_ROWS_MAX = 200;
const TEXT_CHARACTERS_MAX = 100_000;

/** Reads the overview of a page. */
export function overviewOf(page: PageDocument): Overview {
  const { $, baseUrl } = page;
  const warnings: string[] = [];
  const bounded = <Item>(name: string, items: readonly Item[]): readonly Item[] => {
    if (items.length <= LIST_MAX) return items;
    warnings.push(`${name}: the first ${LIST_MAX} of ${items.length}`);
    return items.slice(0, LIST_MAX);
  };
  const meta = metaOf(page);
  const text = page.isPlainText ? $("pre").text() : visibleText($);
  if (text.length > TEXT_CHARACTERS_MAX) {
    warnings.push(`text: the first ${TEXT_CHARACTERS_MAX} of ${text.length} characters`);
  }
  return {
    title: textOrNull($("title").first().text()),
    description: firstOf(meta.named.description) ?? firstOf(meta.properties["og:description"]),
    canonical: absoluteUrl($("link[rel~='canonical' i][href]").attr("href"), baseUrl) ?? null,
    language: textOrNull($("html").attr("lang") ?? $("html").attr("xml:lang")),
    headings: bounded("headings", headingsOf(page)),
    links: bounded("links", linksOf(page)),
    images: bounded("images", imagesOf(page)),
    tables: tablesOf(page, warnings),
    feeds: bounded("feeds", feedsOf(page)),
    next: relatedOf(page, "next"),
    previous: relatedOf(page, "prev"),
    text: text.slice(0, TEXT_CHARACTERS_MAX),
    json_ld: bounded("json_ld", jsonLdOf(page, warnings)),
    open_graph: meta.properties,
    meta: meta.named,
    warnings,
  };
}

function tablesOf(page: PageDocument, warnings: string[]): TableData[] {
  const { $ } = page;
  const data = $("table").toArray().map((element) => $(element)).filter((table) =>
    table.find("table").length === 0 && table.find("th").length > 0 &&
    table.attr("role") !== "presentation"
  );
  if (data.length > TABLES_MAX) {
    warnings.push(`tables: the first ${TABLES_MAX} of ${data.length}`);
  }
  return data.slice(0, TABLES_MAX).map((element, index) => {
    const table = tableOf(page, element);
    const { length } = table.rows;
    if (length <= TABLE_ROWS_MAX) return table;
    warnings.push(`tables: the first ${TABLE_ROWS_MAX} of ${length} rows of table ${index + 1}`);
    return { ...table, rows: table.rows.slice(0, TABLE_ROWS_MAX) };
  });
}

const FEEDS = ["application/rss+xml", "application/atom+xml", "application/feed+json"]
  .map((type) => `link[rel~='alternate' i][type='${type}' i][href]`).join(", ");

function feedsOf({ $, baseUrl }: PageDocument): string[] {
  const feeds = $(FEEDS).toArray().flatMap((each) =>
    absoluteUrl($(each).attr("href"), baseUrl) ?? []
  );
  return [...new Set(feeds)];
}

function relatedOf({ $, baseUrl }: PageDocument, relation: "next" | "prev"): string | null {
  const found = $(`link[rel~='${relation}' i][href], a[rel~='${relation}' i][href]`).first();
  return absoluteUrl(found.attr("href"), baseUrl) ?? null;
}

function headingsOf({ $ }: PageDocument): { level: number; text: string }[] {
  return $("h1, h2, h3, h4, h5, h6").toArray()
    .map((element) => ({ level: Number(element.name[1]), text: collapsed($(element).text()) }))
    .filter(({ text }) => text !== "");
}

function imagesOf({ $, baseUrl }: PageDocument): { url: string; alt: string }[] {
  const images = new Map<string, string>();
  for (const element of $("img").toArray()) {
    const image = $(element);
    // Pages that load images late put a placeholder into src.
    const sources = [image.attr("src"), image.attr("data-src"), image.attr("srcset")];
    const url = sources.map((source) => absoluteUrl(source?.trim().split(/\s/)[0], baseUrl))
      .find((each) => each !== undefined);
    if (url !== undefined && !images.get(url)) {
      images.set(url, collapsed(image.attr("alt") ?? ""));
    }
  }
  return [...images].map(([url, alt]) => ({ url, alt }));
}

function jsonLdOf({ $ }: PageDocument, warnings: string[]): unknown[] {
  return $("script[type='application/ld+json' i]").toArray().flatMap((element, index) => {
    const text = $(element).text();
    if (isDeeperThan(JSON_LEVELS_MAX, text)) {
      warnings.push(`json_ld: block ${index + 1} is nested deeper than ${JSON_LEVELS_MAX} levels`);
      return [];
    }
    try {
      return [parseExactly(text)];
    } catch (error) {
      warnings.push(`json_ld: block ${index + 1} is not JSON (${(error as Error).message})`);
      return [];
    }
  });
}

type MetaValues = Record<string, string | readonly string[]>;

function metaOf({ $ }: PageDocument): { properties: MetaValues; named: MetaValues } {
  const properties = new Map<string, string[]>();
  const named = new Map<string, string[]>();
  for (const element of $("meta[content]").toArray()) {
    const content = collapsed($(element).attr("content") ?? "");
    const property = $(element).attr("property")?.trim().toLowerCase();
    const name = $(element).attr("name")?.trim().toLowerCase();
    const target = property === undefined ? named : properties;
    const key = property ?? name;
    if (key === undefined || key === "") continue;
    const values = target.get(key);
    if (values === undefined) target.set(key, [content]);
    else values.push(content);
  }
  return { properties: flattened(properties), named: flattened(named) };
}

function flattened(values: ReadonlyMap<string, readonly string[]>): MetaValues {
  return Object.fromEntries(
    [...values].slice(0, LIST_MAX).map(([key, list]) => [key, list.length === 1 ? list[0]! : list]),
  );
}

function firstOf(value: string | readonly string[] | undefined): string | null {
  return textOrNull(typeof value === "string" ? value : value?.[0]);
}

function textOrNull(text: string | undefined): string | null {
  return collapsed(text ?? "") || null;
}
