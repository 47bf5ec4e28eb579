/**
 * The dashboard: the page that each master shows. `web/` is what the browser gets, as it stands there:
 * modules, style sheets and one library, with no build between. It talks to the JSON API and to nothing else,
 * so that whoever sees something there may see it by API too. This side only lists the files (`files.ts`).
 *
 * @module
 */

import { createHash } from "node:crypto";
import { LIBRARY, OWN } from "./files.ts";

/** A file of the page. */
export interface Asset {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  /** Strong, with its quotes. */
  readonly etag: string;
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

/**
 * By path below the root, without the first slash: `index.html`, `views/jobs.js`.
 */
export const assets: ReadonlyMap<string, Asset> = new Map(
  Object.entries({ ...OWN, ...LIBRARY, "lit.js": withPaths(OWN["lit.js"]!) }).map((
    [path, text],
  ) => [path, assetOf(path, text)]),
);

function assetOf(path: string, text: string): Asset {
  const contentType = CONTENT_TYPES[path.slice(path.lastIndexOf(".") + 1)];
  if (contentType === undefined) throw new Error(`invariant: ${path} has no known content type`);
  // Maps of the library's sources are not served; a browser that looks for them complains.
  const served = text.replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n");
  const bytes = new TextEncoder().encode(served);
  const digest = createHash("sha256").update(bytes).digest("base64url").slice(0, 22);
  return { bytes, contentType, etag: `"${digest}"` };
}

/** Names of the package as paths of its files: the page has no import map, which would be inline. */
function withPaths(text: string): string {
  return text.replaceAll('from "lit-html"', 'from "./lit/lit-html.js"')
    .replaceAll('from "lit-html/', 'from "./lit/');
}
