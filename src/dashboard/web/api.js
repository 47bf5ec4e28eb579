// @ts-check
/// <reference lib="dom" />
/** The master's JSON API. */

const BASE = "api/v1/";

/** What the API refused, in its own words. */
export class ApiError extends Error {
  /**
   * @param {number} status HTTP's; 0 when nothing answered
   * @param {string} code gRPC's name of it, such as `NOT_FOUND`
   * @param {string} message
   */
  constructor(status, code, message) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
  }
}

/** @typedef {Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>} Query */

/** Called when the API says that it does not know the caller (any more). */
let onUnknownCaller = () => {};

/** Called when the API says that the caller may not do what was asked. */
let onForbidden = () => {};

/** @param {() => void} handler */
export function whenUnknown(handler) {
  onUnknownCaller = handler;
}

/** @param {() => void} handler */
export function whenForbidden(handler) {
  onForbidden = handler;
}

/**
 * Joins a path of the API from parts that may hold anything.
 *
 * @param {TemplateStringsArray} fixed
 * @param {...string} parts
 */
export function path(fixed, ...parts) {
  return String.raw({ raw: fixed }, ...parts.map(encodeURIComponent));
}

/** @param {string} apiPath without its base: `jobs` */
export function urlOf(apiPath, /** @type {Query} */ query = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === "" || value === false) continue;
    for (const one of Array.isArray(value) ? value : [value]) search.append(name, String(one));
  }
  const text = search.toString();
  return `${BASE}${apiPath}${text === "" ? "" : `?${text}`}`;
}

/**
 * @param {string} apiPath
 * @param {Query} [query]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>} the answer's JSON, whose shape is the route's
 */
export function get(apiPath, query, signal) {
  return call(urlOf(apiPath, query), { signal: signal ?? null });
}

/**
 * @param {"POST" | "DELETE" | "PUT"} method
 * @param {string} apiPath
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
export function send(method, apiPath, body = {}) {
  return call(urlOf(apiPath), {
    method,
    headers: { "content-type": "application/json", "x-conductor-request": "1" },
    body: JSON.stringify(body),
  });
}

/**
 * @param {string} url
 * @param {RequestInit} init
 */
async function call(url, init) {
  const response = await answerOf(url, init);
  if (response.ok) return await response.json();
  const failure = await failureOf(response);
  if (response.status === 401 && !url.endsWith("/login")) onUnknownCaller();
  if (response.status === 403 && !url.endsWith("/whoami")) onForbidden();
  throw failure;
}

/**
 * The bytes of an answer, with their type.
 *
 * @param {string} url
 * @param {AbortSignal} signal
 */
export async function bytesOf(url, signal) {
  const response = await answerOf(url, { signal });
  if (!response.ok) throw await failureOf(response);
  return await response.blob();
}

/**
 * @param {string} url
 * @param {RequestInit} init
 */
async function answerOf(url, init) {
  try {
    return await fetch(url, { credentials: "same-origin", ...init });
  } catch (failure) {
    if (failure instanceof DOMException && failure.name === "AbortError") throw failure;
    throw unanswered();
  }
}

/** That nothing came, of whatever was asked. */
export function unanswered() {
  return new ApiError(0, "UNAVAILABLE", "This master does not answer.");
}

/** @param {Response} response */
async function failureOf(response) {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text);
    return new ApiError(response.status, String(error.code), String(error.message));
  } catch {
    // A proxy between us and the master has its own way of saying it.
    return new ApiError(response.status, "UNKNOWN", `The answer was HTTP ${response.status}.`);
  }
}

/** @param {unknown} failure */
export function messageOf(failure) {
  return failure instanceof Error ? failure.message : String(failure);
}

/** @param {unknown} failure */
export function isAbort(failure) {
  return failure instanceof DOMException && failure.name === "AbortError";
}
