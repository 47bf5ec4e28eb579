/**
 * One event is one line of JSON, whatever its values hold: bounded, without secrets, and without what a
 * terminal or a reader's eye would obey.
 */

import { instant } from "./certificates.ts";

/** Values of a line; `undefined` ones are left out. */
export type AuditFields = Readonly<Record<string, string | number | readonly string[] | undefined>>;

/** A line before it is one. */
export interface AuditLine {
  readonly logger: "audit" | "rbac-audit" | "policy";
  readonly msg: string;
  readonly level: "info" | "warn" | "error";
  readonly fields: AuditFields;
}

/** Bounds that keep a line within what is read back at start. */
const STRING_CHARACTERS_MAX = 512;
const LIST_ENTRIES_MAX = 16;

/** `undefined` fields are left out. The line starts with what the seed shows, in its order. */
export function lineOf(entry: AuditLine, nowMs: number): string {
  const { logger, msg, level, fields } = entry;
  const ts = instant(nowMs);
  const json = JSON.stringify({ logger, msg, ...fields, level, ts });
  if (isPlain(json, fields)) return neutralised(json);
  const clean = Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === "string"
        ? bounded(value)
        : typeof value === "object"
        ? value.slice(0, LIST_ENTRIES_MAX).map(bounded)
        : value,
    ]),
  );
  return neutralised(JSON.stringify({ logger, msg: bounded(msg), ...clean, level, ts }));
}

/**
 * Whether nothing in a line has to be cut, as in nearly every one: there are two lines for each call that
 * is let in, and one look at the whole costs a tenth of one at each value.
 */
function isPlain(json: string, fields: AuditFields): boolean {
  if (json.length > STRING_CHARACTERS_MAX || MAY_BE_SECRET.test(json)) return false;
  for (const name in fields) {
    const value = fields[name];
    if (typeof value === "object" && value.length > LIST_ENTRIES_MAX) return false;
  }
  return true;
}

function bounded(text: string): string {
  const clean = withoutSecrets(text);
  return clean.length <= STRING_CHARACTERS_MAX
    ? clean
    : `${clean.slice(0, STRING_CHARACTERS_MAX)}... (${clean.length} characters)`;
}

const MAY_BE_SECRET = /eyJ|bearer|PRIVATE KEY|:\/\//i;

/** No caller of this file passes a secret; should one ever slip in, it is cut out here. */
function withoutSecrets(text: string): string {
  if (!MAY_BE_SECRET.test(text)) return text;
  return text
    .replace(
      /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g,
      "[key]",
    )
    .replace(/\bbearer\s+(\S+)/gi, (_, token: string) => `[token]${closingOf(token)}`)
    .replace(/eyJ[\w-]{4,}(\.[\w-]*){0,4}/g, "[token]")
    .replace(/(:\/\/)[^/\s@]*@/g, "$1[credentials]@");
}

/** What closes the words around a token is not the token's: a hint says "(... Bearer TOKEN)". */
function closingOf(token: string): string {
  let end = token.length;
  while (end > 0 && `)]}>"'.,;:`.includes(token[end - 1]!)) end--;
  return token.slice(end);
}

/**
 * Escapes what JSON allows in a string but a terminal, a log viewer or a reader's eye would obey:
 * DEL and C1 controls, line and paragraph separators, bidirectional controls, invisible characters
 * and tags. Line breaks and ANSI escapes are escaped by JSON itself.
 */
function neutralised(json: string): string {
  return IS_ASCII.test(json) ? json : json.replace(
    /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\udb40[\udc00-\udc7f]/g,
    (match) =>
      match.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
        .join(""),
  );
}

const IS_ASCII = /^[\x20-\x7e]*$/;
