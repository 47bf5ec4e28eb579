/**
 * Conditions on the tags of a worker: from text and back, and whether a worker fulfils them.
 *
 * | text | fulfilled by a worker |
 * |---|---|
 * | `gpu` | that has the tag, whatever its value |
 * | `!gpu` | that has it not |
 * | `zone=a`, `zone in (a, b)` | whose value is one of these |
 * | `zone!=a`, `zone not in (a, b)` | whose value is none of these, or that has no such tag |
 * | `mem>=8`, `>`, `<`, `<=` | whose value compares so |
 *
 * Values compare as numbers when both are (`8`, `-1.5`), else as versions (`1.10.2`, `v2.0.0-rc.1`),
 * part by part. As numbers 1.10 would be below 1.9, so values of a tag whose name ends in "version"
 * compare as versions always, and others do where one of them is written `v1.10`. Of two that are
 * neither, and where the tag is missing, no comparison holds.
 *
 * @module
 */

import type { StringMap } from "./job.ts";
import type { TagOperator, TagRule } from "./job_options.ts";

/** Characters of a name or a value, and values of one rule. */
const TEXT_CHARACTERS_MAX = 256;
const VALUES_MAX = 64;

/** A tag's name: no blank, and nothing that a rule is made of. */
const NAME = String.raw`[^\s!=<>(),"']+`;
const existence = new RegExp(`^(!?)\\s*(${NAME})$`);
const membership = new RegExp(`^(${NAME})\\s+(in|not\\s+in|notin)\\s*\\(([^()]*)\\)$`);
const comparison = new RegExp(`^(${NAME})\\s*(==|=|!=|>=|<=|>|<)\\s*(.*)$`);

/** A rule, or what is wrong with the text and what to write instead. */
export function parseTagRule(text: string): TagRule | { readonly fault: string } {
  const trimmed = text.trim();
  const rule = readMembership(trimmed) ?? readComparison(trimmed) ?? readExistence(trimmed);
  if (rule === undefined) {
    return fault(text, 'write it like "gpu", "!gpu", "zone=a", "zone in (a, b)" or "mem>=8"');
  }
  if ("fault" in rule) return fault(text, rule.fault);
  const tooLong = [rule.tag, ...rule.values].find((each) => each.length > TEXT_CHARACTERS_MAX);
  if (tooLong !== undefined) {
    const length = tooLong.length;
    return fault(
      text,
      `a name or value has ${length} characters, of ${TEXT_CHARACTERS_MAX} at most`,
    );
  }
  if (rule.values.length > VALUES_MAX) {
    return fault(text, `it names ${rule.values.length} values, of ${VALUES_MAX} at most`);
  }
  return rule;
}

/** The text that {@linkcode parseTagRule} reads as this rule. */
export function formatTagRule({ tag, op, values }: TagRule): string {
  const [only] = values;
  switch (op) {
    case "exists":
      return tag;
    case "missing":
      return `!${tag}`;
    case "in":
      return values.length === 1 ? `${tag}=${only}` : `${tag} in (${values.join(", ")})`;
    case "not_in":
      return values.length === 1 ? `${tag}!=${only}` : `${tag} not in (${values.join(", ")})`;
    default:
      return `${tag}${op}${only ?? ""}`;
  }
}

/** Whether a worker with these tags fulfils the rule. */
export function fulfils(tags: StringMap, { tag, op, values }: TagRule): boolean {
  const value = Object.hasOwn(tags, tag) ? tags[tag] : undefined;
  switch (op) {
    case "exists":
      return value !== undefined;
    case "missing":
      return value === undefined;
    case "in":
      return value !== undefined && values.includes(value);
    case "not_in":
      return value === undefined || !values.includes(value);
    default:
      return value !== undefined &&
        values.every((bound) => holds(orderOf(value, bound, /version$/i.test(tag)), op));
  }
}

type Fault = { readonly fault: string };

function readMembership(text: string): TagRule | Fault | undefined {
  const match = membership.exec(text);
  if (match === null) return undefined;
  const [, tag = "", word, list = ""] = match;
  const values = list.split(",").map((value) => value.trim());
  if (values.includes("")) return { fault: "a value of its list is empty" };
  return { tag, op: word === "in" ? "in" : "not_in", values: [...new Set(values)] };
}

function readComparison(text: string): TagRule | Fault | undefined {
  const match = comparison.exec(text);
  if (match === null) return undefined;
  const [, tag = "", sign = "", value = ""] = match;
  if (sign === "=" || sign === "==") return { tag, op: "in", values: [value] };
  if (sign === "!=") return { tag, op: "not_in", values: [value] };
  if (numberOf(value) === undefined && versionOf(value) === undefined) {
    return { fault: `${JSON.stringify(value)} is neither a number nor a version to compare with` };
  }
  return { tag, op: sign as TagOperator, values: [value] };
}

function readExistence(text: string): TagRule | undefined {
  const match = existence.exec(text);
  if (match === null) return undefined;
  return { tag: match[2]!, op: match[1] === "!" ? "missing" : "exists", values: [] };
}

function fault(text: string, reason: string): Fault {
  const shown = text.length <= 80 ? text : `${text.slice(0, 79)}…`;
  return { fault: `tag rule ${JSON.stringify(shown)} is not one: ${reason}` };
}

function holds(order: number | undefined, op: TagOperator): boolean {
  if (order === undefined) return false;
  switch (op) {
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
    case "<":
      return order < 0;
    default:
      return order <= 0;
  }
}

/** Below, at or above 0 as `a` is below, at or above `b`; undefined: they do not compare. */
function orderOf(a: string, b: string, areVersions: boolean): number | undefined {
  const [aNumber, bNumber] = [numberOf(a), numberOf(b)];
  if (!areVersions && aNumber !== undefined && bNumber !== undefined) return aNumber - bNumber;
  const [aVersion, bVersion] = [versionOf(a), versionOf(b)];
  if (aVersion === undefined || bVersion === undefined) return undefined;
  const order = orderOfParts(aVersion.release, bVersion.release, "0");
  if (order !== 0) return order;
  // As in semantic versioning: what is yet to be released comes before the release.
  if (aVersion.preview.length === 0 || bVersion.preview.length === 0) {
    return bVersion.preview.length - aVersion.preview.length;
  }
  return orderOfParts(aVersion.preview, bVersion.preview, "");
}

function orderOfParts(a: readonly string[], b: readonly string[], missing: string): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const [aPart, bPart] = [a[at] ?? missing, b[at] ?? missing];
    const [aNumber, bNumber] = [numberOf(aPart), numberOf(bPart)];
    if (aNumber !== undefined && bNumber !== undefined) {
      if (aNumber !== bNumber) return aNumber - bNumber;
    } else if (aPart !== bPart) {
      return aPart < bPart ? -1 : 1;
    }
  }
  return 0;
}

function numberOf(text: string): number | undefined {
  return /^[+-]?\d{1,300}(\.\d{1,300})?$/.test(text) ? Number(text) : undefined;
}

function versionOf(text: string): { release: string[]; preview: string[] } | undefined {
  const match = /^v?(\d+(?:\.\d+)*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/.exec(text);
  if (match === null) return undefined;
  return { release: match[1]!.split("."), preview: match[2]?.split(".") ?? [] };
}
