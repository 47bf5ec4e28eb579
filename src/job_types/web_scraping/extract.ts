/**
 * Extraction by the payload's selectors.
 *
 * @module
 */

import { type Cheerio, type CheerioAPI, load } from "cheerio/slim";
import { PermanentJobError } from "../contract.ts";
import { collapsed, type PageDocument } from "./document.ts";
import type { ScrapingPayload, SelectorRule, Selectors } from "./payload.ts";
import { recordsOf, tableOf } from "./tables.ts";
import { insideOf, withContents } from "./templates.ts";

type Selection = Cheerio<Parameters<CheerioAPI["contains"]>[0]>;

/**
 * Finds every selector that is not CSS, before anything is fetched.
 *
 * @throws {PermanentJobError} that names them all.
 */
export function requireValidSelectors(
  { selectors = {}, crawl }: Pick<ScrapingPayload, "selectors" | "crawl">,
): void {
  const $ = load("");
  const faults: string[] = [];
  const check = (name: string, selector: string | undefined) => {
    try {
      if (selector !== undefined) $.root().find(selector);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      faults.push(`${name} ${JSON.stringify(selector)} (${reason})`);
    }
  };
  check("crawl.follow", crawl?.follow);
  const visit = (rules: Selectors, path: string) => {
    for (const [name, given] of Object.entries(rules)) {
      const { selector, fields } = ruleOf(given);
      check(path + name, selector);
      if (fields !== undefined) visit(fields, `${path}${name}.`);
    }
  };
  visit(selectors, "");
  if (faults.length === 0) return;
  throw new PermanentJobError(`Not valid as CSS selectors: ${faults.join("; ")}.`);
}

/**
 * What the selectors find in a page: null or an empty list where nothing matches.
 *
 * @throws {PermanentJobError} that names every `required` value without a match.
 */
export function extract(page: PageDocument, selectors: Selectors): Record<string, unknown> {
  const missing: string[] = [];
  const data = fieldsOf(page, page.$.root(), selectors, "", missing);
  if (missing.length === 0) return data;
  throw new PermanentJobError(
    `The page has nothing for what is required: ${[...new Set(missing)].join(", ")}.`,
  );
}

function fieldsOf(
  page: PageDocument,
  scope: Selection,
  selectors: Selectors,
  path: string,
  missing: string[],
): Record<string, unknown> {
  // fromEntries defines its properties, so that `__proto__` is a name like any other.
  return Object.fromEntries(
    Object.entries(selectors).map(([name, given]) => {
      const rule = ruleOf(given);
      const found = rule.selector === undefined ? scope : scope.find(rule.selector);
      if (found.length === 0 && rule.required) missing.push(path + name);
      return [name, valueOf(page, found, rule, `${path}${name}`, missing)];
    }),
  );
}

function valueOf(
  page: PageDocument,
  found: Selection,
  rule: SelectorRule,
  path: string,
  missing: string[],
): unknown {
  if (rule.type === "exists") return found.length > 0;
  if (rule.type === "count") return found.length;
  const single = (element: Selection) => oneValue(page, element, rule, path, missing);
  if (rule.multiple !== true && rule.type !== "list") {
    return found.length === 0 ? null : single(found.first());
  }
  const values = found.toArray().map((element) => single(page.$(element)));
  // What has no such attribute, or does not match, is no item.
  const mayLack = rule.attribute !== undefined || rule.match !== undefined;
  return mayLack ? values.filter((value) => value !== null) : values;
}

function oneValue(
  page: PageDocument,
  element: Selection,
  rule: SelectorRule,
  path: string,
  missing: string[],
): unknown {
  const inside = insideOf(page.$, element);
  if (rule.fields !== undefined) return fieldsOf(page, inside, rule.fields, `${path}.`, missing);
  if (rule.type === "table") return tableOf(page, inside);
  if (rule.type === "records") return recordsOf(tableOf(page, inside));
  const text = textOf(page, element, rule);
  return rule.match === undefined ? text : matched(text, rule.match);
}

function textOf(page: PageDocument, element: Selection, rule: SelectorRule): string | null {
  if (rule.attribute !== undefined) return attributeOf(page, element, rule.attribute);
  const inside = insideOf(page.$, element);
  if (rule.type === "html") return withContents(inside, () => inside.html() ?? "");
  if (rule.type === "outer_html") return withContents(element, () => page.$.html(element));
  const text = inside.text();
  return rule.trim === false ? text : collapsed(text);
}

/** The first group of the pattern, or all that it matches if it has none. */
function matched(text: string | null, pattern: string): string | null {
  const found = text === null ? null : new RegExp(pattern, "u").exec(text);
  return found === null ? null : found[1] ?? found[0];
}

/** Attributes that hold one URL. */
const URL_ATTRIBUTES: ReadonlySet<string> = new Set(["href", "src", "action", "poster", "cite"]);

function attributeOf(page: PageDocument, element: Selection, name: string): string | null {
  const value = element.attr(name);
  if (value === undefined) return null;
  if (!URL_ATTRIBUTES.has(name.toLowerCase())) return value;
  return URL.parse(value.trim(), page.baseUrl)?.href ?? value;
}

/** `a.next@href` is short for the attribute of what `a.next` selects. */
function ruleOf(given: string | SelectorRule): SelectorRule {
  if (typeof given !== "string") return given;
  const [, selector, attribute] = /^(.+?)\s*@([\w:.-]+)$/s.exec(given) ?? [];
  return attribute === undefined ? { selector: given } : { selector, attribute };
}
