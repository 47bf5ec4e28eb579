/**
 * The text of a page as a reader sees it.
 *
 * @module
 */

import type { CheerioAPI } from "cheerio/slim";

/** Elements whose text is not for readers. */
const HIDDEN: ReadonlySet<string> = new Set([
  ...["script", "style", "noscript", "svg", "math", "head", "iframe", "object"],
  ...["select", "textarea", "audio", "video", "canvas"],
]);

/** Elements that begin and end a line. */
const BLOCKS: ReadonlySet<string> = new Set([
  ...["address", "article", "aside", "blockquote", "body", "br", "dd", "details", "dialog", "div"],
  ...["dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4"],
  ...["h5", "h6", "header", "hr", "html", "li", "main", "nav", "ol", "p", "pre", "section"],
  ...["summary", "table", "tr", "ul"],
]);

/** Cells of a row stay on its line, apart. */
const CELLS: ReadonlySet<string> = new Set(["td", "th"]);

/** What the walk sees of a node. */
interface Node {
  readonly type: string;
  readonly name?: string;
  readonly data?: string;
  readonly attribs?: Readonly<Record<string, string>>;
  readonly children?: readonly Node[];
}

/** Lines of text, one a block, without empty ones. Walks without recursion: pages nest deeply. */
export function visibleText($: CheerioAPI): string {
  const parts: string[] = [];
  const rest: (Node | string)[] = [...($.root()[0]?.children ?? []) as Node[]].reverse();
  for (let node = rest.pop(); node !== undefined; node = rest.pop()) {
    if (typeof node === "string") parts.push(node);
    else if (node.type === "text") parts.push((node.data ?? "").replaceAll(/[\s\u00a0]+/g, " "));
    else if (!isHidden(node)) open(node, parts, rest);
  }
  return parts.join("").split("\n").map((line) => line.replaceAll(/ +/g, " ").trim())
    .filter((line) => line !== "").join("\n");
}

function open(node: Node, parts: string[], rest: (Node | string)[]): void {
  const name = node.name ?? "";
  const edge = BLOCKS.has(name) ? "\n" : CELLS.has(name) ? " " : "";
  if (edge !== "") {
    parts.push(edge);
    rest.push(edge);
  }
  for (const child of (node.children ?? []).toReversed()) rest.push(child);
}

function isHidden({ type, name = "", attribs }: Node): boolean {
  if (type === "comment" || type === "directive" || HIDDEN.has(name)) return true;
  return attribs !== undefined && Object.hasOwn(attribs, "hidden");
}
