// @ts-check
/// <reference lib="dom" />
/**
 * What a job took or handed back, as it is best read: pictures as pictures, rows as tables, JSON as a
 * tree, text as text. Nothing of it is ever taken for a part of the page.
 */

import { bytesText } from "../format.js";
import { html, nothing } from "../lit.js";
import { exactNumber, isDeeperThan, parseExactly } from "./exact_json.js";
import { icon } from "./icons.js";
import { jsonTree } from "./json_tree.js";
import { isSealed } from "./sealed.js";
import { csvRows, valueTable } from "./value_table.js";

/** Types that are shown as pictures; SVG is a document, and is not among them. */
const PICTURES = /^image\/(png|jpeg|gif|webp|avif|bmp)$/;
/** Longer texts are cut, and trees of longer texts not made. */
const TEXT_MAX = 200_000;
const JSON_MAX = 4_000_000;
/** What is nested more deeply is shown as text: what draws the tree has a stack that ends. */
const JSON_LEVELS_MAX = 200;

/**
 * Bytes with their type, and blob URLs that are made of them once and end with the view.
 */
export class Content {
  /** See `contentView`. @type {import("../view.js").Shown | undefined} */
  look;
  /** @type {Map<string, string>} */
  #urls = new Map();

  /**
   * @param {Uint8Array<ArrayBuffer>} bytes
   * @param {string} contentType
   * @param {AbortSignal} signal
   */
  constructor(bytes, contentType, signal) {
    this.bytes = bytes;
    this.type = (contentType.split(";")[0] ?? "").trim().toLowerCase();
    signal.addEventListener("abort", () => this.#urls.forEach((url) => URL.revokeObjectURL(url)));
  }

  get text() {
    return new TextDecoder().decode(this.bytes.subarray(0, JSON_MAX));
  }

  /**
   * @param {string} name of the picture within the content
   * @param {Uint8Array<ArrayBuffer>} bytes
   * @param {string} type
   */
  picture(name, bytes, type) {
    const made = this.#urls.get(name) ?? URL.createObjectURL(new Blob([bytes], { type }));
    this.#urls.set(name, made);
    return made;
  }
}

/** @param {string} base64 */
export function bytesOfBase64(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/**
 * How it looks, which is made once: a megabyte of JSON is read in no time, but not with every draw.
 *
 * @param {Content} content
 */
export function contentView(content) {
  return content.look ??= lookOf(content);
}

/** @param {Content} content */
function lookOf(content) {
  const { bytes, type } = content;
  if (isSealed(bytes)) return encrypted(bytes.length);
  if (bytes.length === 0) return html`<p class="none">Nothing.</p>`;
  if (PICTURES.test(type)) {
    return picture(content.picture("", bytes, type), `${type}, ${bytesText(bytes.length)}`);
  }
  if (type === "text/csv") return csv(content.text);
  const json = type === "" || type.endsWith("json") || type === "application/octet-stream"
    ? parsed(content)
    : undefined;
  if (json !== undefined) return jsonView(json, content);
  return textView(content);
}

/** @param {number} length */
function encrypted(length) {
  return html`<p class="encrypted">${icon("audit")} Encrypted (${bytesText(length)}): only those who
    hold the key can read it.</p>`;
}

/** @param {Content} content @returns {unknown} undefined when it is no JSON, or one without end */
function parsed({ bytes, text }) {
  if (bytes.length > JSON_MAX || !/^\s*[[{"\d\-tfn]/.test(text.slice(0, 100))) return undefined;
  if (isDeeperThan(JSON_LEVELS_MAX, text)) return undefined;
  try {
    return parseExactly(text);
  } catch {
    return undefined; // a text that begins like JSON
  }
}

/** @param {any} json @param {Content} content */
function jsonView(json, content) {
  const pictures = picturesOf(json);
  const tables = tablesOf(json);
  return html`
    ${pictures.map(({ name, file }) =>
      picture(
        content.picture(name, bytesOfBase64(file.data), file.content_type),
        `${name}: ${file.format}, ${file.width} × ${file.height}, ${bytesText(file.bytes)}`,
      )
    )}
    ${tables}
    ${pictures.length + tables.length === 0
      ? jsonTree(json)
      : html`<details class="whole"><summary>As JSON</summary>${jsonTree(json)}</details>`}
  `;
}

/**
 * The pictures in what `image_processing` hands back.
 *
 * @param {any} json
 * @returns {{ name: string, file: any }[]}
 */
function picturesOf(json) {
  return ["output", "thumbnail"].flatMap((name) => {
    const file = json?.[name];
    const isPicture = typeof file?.data === "string" && PICTURES.test(file.content_type) &&
      /^[A-Za-z0-9+/]+=*$/.test(file.data.slice(0, 1_000));
    return isPicture ? [{ name, file }] : [];
  });
}

/**
 * The tables in what `data_analysis` hands back, and lists of objects.
 *
 * @param {any} json
 * @returns {import("../view.js").Shown[]}
 */
function tablesOf(json) {
  if (isRows(json)) return [rowsTable("Rows", json)];
  if (!Array.isArray(json?.results)) {
    return isRows(json?.rows) ? [rowsTable("Rows", json.rows)] : [];
  }
  return json.results.flatMap((/** @type {any} */ result) => {
    const title = String(result?.name ?? result?.operation ?? "Result");
    const rows = [result?.rows, result?.bins, result?.columns].find(isRows);
    if (rows !== undefined) return [html`<h3>${title}</h3>${rowsTable(title, rows)}`];
    if (!Array.isArray(result?.matrix)) return [];
    const columns = ["", ...result.columns.map(String)];
    const matrix = result.matrix.map((
      /** @type {unknown[]} */ row,
      /** @type {number} */ index,
    ) => [
      columns[index + 1],
      ...row,
    ]);
    return [html`<h3>${title}</h3>${valueTable(title, columns, matrix)}`];
  });
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>[]}
 */
function isRows(value) {
  return Array.isArray(value) && value.length > 0 &&
    value.every((row) =>
      typeof row === "object" && row !== null && !Array.isArray(row) &&
      exactNumber(row) === undefined
    );
}

/** @param {string} title @param {Record<string, unknown>[]} rows */
function rowsTable(title, rows) {
  const columns = [...new Set(rows.slice(0, 50).flatMap(Object.keys))];
  return valueTable(title, columns, rows.map((row) => columns.map((name) => row[name])));
}

/** @param {string} text */
function csv(text) {
  const [columns = [], ...rows] = csvRows(text);
  return valueTable("Rows", columns, rows);
}

/** @param {Content} content */
function textView({ bytes, text, type }) {
  const isText = type.startsWith("text/") || !text.slice(0, 1_000).includes("\0");
  if (!isText) {
    return html`<p class="none">${bytesText(bytes.length)} of ${
      type || "no type"
    }, which can be downloaded.</p>`;
  }
  return html`<pre class="text" tabindex="0">${text.slice(0, TEXT_MAX)}</pre>
    ${
    text.length > TEXT_MAX ? html`<p class="foot">Cut here; the download has all.</p>` : nothing
  }`;
}

/** @param {string} url @param {string} caption */
function picture(url, caption) {
  return html`<figure><img src=${url} alt=${caption}><figcaption>${caption}</figcaption></figure>`;
}
