// @ts-check
/// <reference lib="dom" />
/** Addresses within the page: `#/jobs/ID?tab=log`. They can be kept, sent and gone back to. */

/**
 * @typedef {object} Route
 * @property {readonly string[]} path its decoded parts: `["jobs", "ID"]`
 * @property {URLSearchParams} query
 */

/** @returns {Route} */
export function currentRoute() {
  const [pathText = "", queryText = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const path = pathText.split("/").filter((part) => part !== "").map(decoded);
  return { path, query: new URLSearchParams(queryText) };
}

/**
 * @param {readonly string[]} path
 * @param {Readonly<Record<string, string | undefined>>} [query]
 */
export function href(path, query = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") search.append(name, value);
  }
  const text = search.toString();
  return `#/${path.map(encodeURIComponent).join("/")}${text === "" ? "" : `?${text}`}`;
}

/**
 * A namespace as addresses have it: the one that is meant without a name is left out.
 *
 * @param {string | null | undefined} namespace
 * @returns {{ namespace?: string }}
 */
export function within(namespace) {
  return namespace === "" || namespace === "default" || !namespace ? {} : { namespace };
}

/** @param {string} to from `href` */
export function go(to) {
  location.hash = to;
}

/**
 * Changes the address without a new step in the history, and without leaving the view.
 *
 * @param {string} to from `href`
 */
export function rewrite(to) {
  history.replaceState(null, "", to);
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // typed by hand: a lone % is one
  }
}
