/**
 * What is worth knowing of a page when the job names no selectors.
 *
 * @module
 */

import { absoluteUrl, collapsed, type PageDocument } from "./document.ts";
import { visibleText } from "./visible_text.ts";

/** The extraction without selectors. Lists are in the page's order and bounded. */
export interface Overview {
  readonly title: string | null;
  readonly description: string | null;
  readonly canonical: string | null;
  readonly language: string | null;
  readonly headings: readonly { readonly level: number; readonly text: string }[];
  /** Absolute, each URL once (without its fragment), with the first text that names it. */
  readonly links: readonly { readonly url: string; readonly text: string }[];
  readonly images: readonly { readonly url: string; readonly alt: string }[];
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
  const text = visibleText($);
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
    text: text.slice(0, TEXT_CHARACTERS_MAX),
    json_ld: bounded("json_ld", jsonLdOf(page, warnings)),
    open_graph: meta.properties,
    meta: meta.named,
    warnings,
  };
}

/** The links of a page that lead to other pages, but those that match the selector `unwanted`. */
export function linksOf(
  { $, baseUrl }: PageDocument,
  unwanted = "",
): { url: string; text: string }[] {
  const links = new Map<string, string>();
  const all = $("a[href], area[href]");
  for (const element of (unwanted === "" ? all : all.not(unwanted)).toArray()) {
    const link = $(element);
    const url = absoluteUrl(link.attr("href"), baseUrl)?.replace(/#.*$/, "");
    if (url === undefined) continue;
    const text = collapsed(link.text()) || collapsed(link.find("img[alt]").attr("alt") ?? "");
    if (!links.get(url)) links.set(url, text);
  }
  return [...links].map(([url, text]) => ({ url, text }));
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
    try {
      return [JSON.parse($(element).text())];
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
