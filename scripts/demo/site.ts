/**
 * Serves a directory over HTTP on a free loopback port.
 *
 * @module
 */

import { extname, join, normalize } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".csv": "text/csv; charset=utf-8",
  ".gif": "image/gif",
  ".html": "text/html; charset=utf-8",
  ".jpg": "image/jpeg",
  ".png": "image/png",
  ".txt": "text/plain; charset=utf-8",
  ".webp": "image/webp",
  ".xml": "application/xml",
};

/** A running server. */
export interface Site {
  /** Without a slash at the end. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts to serve `directory`'s files, and what is in its `site/` as the site's own pages. */
export function serveDirectory(directory: string): Site {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      const path = normalize(decodeURIComponent(pathname));
      const name = path.endsWith("/") ? `${path}index.html` : path;
      const body = await readFirst([join(directory, "site", name), join(directory, name)]);
      if (body === undefined) return new Response("not found\n", { status: 404 });
      const type = TYPES[extname(name)] ?? "application/octet-stream";
      return new Response(body, { headers: { "content-type": type } });
    },
  );
  return { url: `http://127.0.0.1:${server.addr.port}`, stop: () => server.shutdown() };
}

async function readFirst(paths: readonly string[]): Promise<Uint8Array<ArrayBuffer> | undefined> {
  for (const path of paths) {
    try {
      return await Deno.readFile(path);
    } catch (failure) {
      const isMissing = failure instanceof Deno.errors.NotFound ||
        failure instanceof Deno.errors.IsADirectory;
      if (!isMissing) throw failure;
    }
  }
  return undefined;
}
