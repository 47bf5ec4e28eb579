/**
 * What stands in a `<template>` is no part of its page: browsers neither show it, nor find anything in it by a
 * selector of the page, and its links are placeholders. It is kept beside the tree, for who asks for the
 * template itself. The shadow root that a template declares is shown, and is a part like any other.
 *
 * @module
 */

import type { Cheerio, CheerioAPI } from "cheerio/slim";
import type { TreeAdapter } from "parse5";
import type { Htmlparser2TreeAdapterMap } from "parse5-htmlparser2-tree-adapter";

type Element = Htmlparser2TreeAdapterMap["element"];
type Fragment = Htmlparser2TreeAdapterMap["documentFragment"];
type Selection = Cheerio<Parameters<CheerioAPI["contains"]>[0]>;

const contents = new WeakMap<object, Fragment>();

/** The part of a parser's adapter that knows of templates. */
export const templateAdapter = {
  setTemplateContent(template: Element, content: Fragment) {
    if (!Object.hasOwn(template.attribs, "shadowrootmode")) contents.set(template, content);
  },
  getTemplateContent(template: Element): Fragment {
    // Of a shadow root's the parser puts the content where it puts an element's.
    return contents.get(template) ?? template as unknown as Fragment;
  },
} satisfies Partial<TreeAdapter<Htmlparser2TreeAdapterMap>>;

/** What is within an element: of a template its content. */
export function insideOf($: CheerioAPI, element: Selection): Selection {
  const content = element[0] === undefined ? undefined : contents.get(element[0]);
  return content === undefined ? element : $(content) as unknown as Selection;
}

/** What `render` makes of some elements while the templates in them have their contents, as in the markup. */
export function withContents<Result>(elements: Selection, render: () => Result): Result {
  const filled: Element[] = [];
  const rest: unknown[] = elements.toArray();
  for (let node = rest.pop(); node !== undefined; node = rest.pop()) {
    const { children = [] } = node as Partial<Element>;
    const content = contents.get(node as Element);
    if (content !== undefined) {
      children.push(content as unknown as Element["children"][number]);
      filled.push(node as Element);
    }
    for (const child of children) rest.push(child);
  }
  try {
    return render();
  } finally {
    for (const template of filled) template.children.pop();
  }
}
