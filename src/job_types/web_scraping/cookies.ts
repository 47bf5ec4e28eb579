/**
 * Cookies that a job's pages set, for its further pages: as a browser keeps them, until the job ends.
 *
 * @module
 */

import { CookieJar } from "tough-cookie";
import type { CookieStore } from "../contract.ts";

/** Cookies that one job keeps; a site that sets a new one with every page must not fill the memory. */
const COOKIES_MAX = 300;

/** Servers refuse longer headers, and so the page. */
const HEADER_CHARACTERS_MAX = 8_192;

/** An empty store. Domains, paths, `secure` and expiry are heeded; nothing is shared between jobs. */
export function cookieStore(): CookieStore {
  const jar = new CookieJar();
  const known = new Set<string>();
  return {
    headerFor(url) {
      const header = jar.getCookieStringSync(url.href);
      return header.length <= HEADER_CHARACTERS_MAX ? header : "";
    },
    keep(url, setCookies) {
      for (const text of setCookies) {
        const key = `${url.host} ${text.split("=", 1)[0]}`;
        if (known.size >= COOKIES_MAX && !known.has(key)) continue;
        // A cookie for another domain, or one that is none, is passed over, as browsers do.
        if (jar.setCookieSync(text, url.href, { ignoreError: true }) !== undefined) known.add(key);
      }
    },
  };
}
