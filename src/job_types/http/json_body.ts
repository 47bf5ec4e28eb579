/**
 * The body of an answer as JSON. It is a stranger's, and is read within the worker's own process: within
 * bounds in which that takes no time that the worker's other jobs would notice.
 *
 * @module
 */

import { isDeeperThan, parseExactly } from "../../json/mod.ts";

/** Longest body that is read as JSON; a result holds far less. */
export const JSON_CHARACTERS_MAX = 8 * 1024 * 1024;
/** Levels of lists and objects, as masters take them. */
export const JSON_LEVELS_MAX = 100;

/** What it says, every digit kept as `parseExactly` does, or why it is not read, to follow on "its body". */
export type JsonBody = { readonly json: unknown } | { readonly fault: string };

/** Reads the text once, when it is first asked for. */
export function jsonBody(text: string | undefined): () => JsonBody {
  let read: JsonBody | undefined;
  return () => read ??= readJson(text ?? "");
}

function readJson(text: string): JsonBody {
  if (text.length > JSON_CHARACTERS_MAX) {
    return { fault: `is too long to be read as JSON (${text.length} characters)` };
  }
  if (isDeeperThan(JSON_LEVELS_MAX, text)) {
    return { fault: `is nested deeper than ${JSON_LEVELS_MAX} levels, and not read as JSON` };
  }
  try {
    return { json: parseExactly(text) };
  } catch {
    return { fault: "is no JSON" };
  }
}
