/**
 * Files that are part of the program: a page, its script, its pictures. They are kept compressed from
 * the first time that somebody asks, and asked for again only when they changed.
 *
 * @module
 */

import { type Encoding, encodingFor, pressed } from "./compression.ts";
import type { Route } from "./server.ts";

/** One file. */
export interface Asset {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  /** With its quotes; changes whenever the bytes do. */
  readonly etag: string;
}

const INDEX = "index.html";

/**
 * What the page may do: load what this node serves, and nothing from anywhere else. No script and no
 * style stands in the HTML itself, so that text which gets there does nothing.
 */
const PAGE_POLICY = [
  "default-src 'self'",
  "img-src 'self' data: blob:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

/** A route for each file, named by its path without the first slash; `index.html` is `/` besides. */
export function assetRoutes(assets: ReadonlyMap<string, Asset>): Route[] {
  return [...assets].flatMap(([name, asset]) => {
    const handle = assetHandler(asset);
    const paths = name === INDEX ? ["/", `/${name}`] : [`/${name}`];
    return paths.map((path): Route => ({
      ...{ path, access: "open", handle },
      // Whoever looks for the page by another name is told of it, and of none of its parts.
      ...(path === "/" ? {} : { isUnlisted: true }),
    }));
  });
}

/** Answers with a file: compressed for whoever reads that, and only when it changed. */
export function assetHandler(asset: Asset): Route["handle"] {
  const encodings = new Map<Encoding, Promise<Uint8Array>>();
  const isCompressible = /^(text\/|application\/(json|javascript|manifest)|image\/svg)/
    .test(asset.contentType);
  const bytesIn = (encoding: Encoding) => {
    const made = encodings.get(encoding) ?? pressed(asset.bytes, encoding);
    encodings.set(encoding, made);
    return made;
  };
  return async (request) => {
    const headers = new Headers({
      "content-type": asset.contentType,
      etag: asset.etag,
      "cache-control": "no-cache",
      vary: "accept-encoding",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "content-security-policy": PAGE_POLICY,
    });
    if (isSame(request.headers.get("if-none-match"), asset.etag)) {
      return new Response(null, { status: 304, headers });
    }
    const encoding = isCompressible
      ? encodingFor(request.headers.get("accept-encoding"), ["br", "gzip"])
      : undefined;
    const body = encoding === undefined ? asset.bytes : await bytesIn(encoding);
    if (encoding !== undefined) headers.set("content-encoding", encoding);
    headers.set("content-length", String(body.length));
    return new Response(new Uint8Array(body), { headers });
  };
}

/** Whether an If-None-Match header names the ETag; weak ones are as good. */
function isSame(header: string | null, etag: string): boolean {
  return (header ?? "").split(",").some((each) => {
    const named = each.trim().replace(/^W\//, "");
    return named === "*" || named === etag;
  });
}
