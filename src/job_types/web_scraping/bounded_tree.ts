/**
 * The tree that a page is parsed into: bounded in depth and number, and lean. The library's own makes
 * three dictionaries for every element; a page of ten megabytes would take half a gigabyte.
 *
 * @module
 */

import { adapter, type Htmlparser2TreeAdapterMap } from "parse5-htmlparser2-tree-adapter";
import type { TreeAdapter } from "parse5";
import { InputTooLargeError, PermanentJobError } from "../contract.ts";
import { describeUrl } from "../job_url.ts";
import { templateAdapter } from "./templates.ts";

/**
 * Elements within elements. Browsers stop at 512; the parser's time grows with the square of it, and
 * what reads the tree recurses.
 */
const DEPTH_MAX = 2_000;

/** Elements, attributes, texts and comments: some 250 MB, of the 512 that an executor has. */
const NODES_MAX = 1_200_000;

/** A page has more nodes than are held. Permanent: it will not shrink. */
export class TreeFullError extends InputTooLargeError {
  override name = "TreeFullError";

  constructor(url: string, nodesMax: number) {
    super(
      `${describeUrl(url)} has more than the ${nodesMax} elements, attributes and texts that are ` +
        "held at once. With truncate, what comes first is read.",
    );
  }
}

/** A parser's adapter that counts. */
export class BoundedTree {
  readonly adapter: TreeAdapter<Htmlparser2TreeAdapterMap>;
  readonly #url: string;
  readonly #nodesMax: number;
  #nodes = 0;
  #depth = 0;

  constructor(url: string, nodesMax: number = NODES_MAX) {
    this.#url = url;
    this.#nodesMax = nodesMax;
    const count = (nodes: number) => void (this.#nodes += nodes);
    this.adapter = {
      ...adapter,
      ...templateAdapter,
      createElement(tagName, namespace, attributes) {
        count(1 + attributes.length);
        const element = adapter.createElement(tagName, namespace, []);
        element.attribs = attributesOf(attributes);
        element["x-attribsNamespace"] = NONE;
        element["x-attribsPrefix"] = NONE;
        return element;
      },
      createCommentNode(data) {
        count(1);
        return adapter.createCommentNode(data);
      },
      insertText(parent, text) {
        // Words and the blanks between them come one by one, and grow one node.
        if (parent.children.at(-1)?.type !== "text") count(1);
        adapter.insertText(parent, text);
      },
      insertBefore(parent, node, reference) {
        // Misplaced content of tables goes before the table, which is the last child: looked for from
        // the front, a table of nothing else would take the square of its length.
        const at = parent.children.lastIndexOf(reference);
        const { prev } = reference;
        if (prev !== null) {
          prev.next = node;
          node.prev = prev;
        }
        reference.prev = node;
        node.next = reference;
        parent.children.splice(at, 0, node);
        node.parent = parent;
      },
      adoptAttributes(element, attributes) {
        for (const { name, value } of attributes) {
          if (!Object.hasOwn(element.attribs, name)) element.attribs[name] = value;
        }
      },
      onItemPush: () => {
        if (++this.#depth <= DEPTH_MAX) return;
        throw new PermanentJobError(
          `${describeUrl(url)} nests more than ${DEPTH_MAX} elements in one another.`,
        );
      },
      onItemPop: () => void this.#depth--,
    };
  }

  get isFull(): boolean {
    return this.#nodes > this.#nodesMax;
  }

  /** What to throw when it is. */
  full(): TreeFullError {
    return new TreeFullError(this.#url, this.#nodesMax);
  }
}

type Attributes = Parameters<typeof adapter.createElement>[2];

/** Namespaces and prefixes of attributes, which nobody here asks for. */
const NONE: Readonly<Record<string, string>> = Object.freeze(Object.create(null));

/** Without a prototype's properties, and yet no dictionary, as `Object.create(null)` is in V8. */
class Bare {
  [name: string]: string;
}
Object.setPrototypeOf(Bare.prototype, null);
Reflect.deleteProperty(Bare.prototype, "constructor");

function attributesOf(attributes: Attributes): Record<string, string> {
  const values = new Bare();
  for (const { name, value } of attributes) values[name] = value;
  return values;
}
