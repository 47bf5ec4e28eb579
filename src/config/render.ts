/**
 * A configuration for people and programs to read: `conductor config show`.
 *
 * @module
 */

import { Document, isMap, isScalar, type Node } from "yaml";
import { escapeVariables } from "./expand.ts";
import { describeSource, MASK } from "./faults.ts";
import type { Raw } from "./kinds.ts";
import type { LoadedConfig } from "./load.ts";
import { KEYS, type SchemaKey, valueAt } from "./schema.ts";

/** The forms in which a configuration can be shown. */
export type ConfigFormat = "table" | "json" | "yaml";

/**
 * Every key with its value and where that came from, secrets masked.
 *
 * `yaml` is a file that `--config` reads back to the same configuration; in it a secret is the
 * variable that would set it, so that it is neither shown nor replaced by its mask.
 */
export function renderConfig(loaded: LoadedConfig, format: ConfigFormat): string {
  switch (format) {
    case "table":
      return renderTable(loaded);
    case "json":
      return renderJson(loaded);
    case "yaml":
      return renderYaml(loaded);
  }
}

function renderTable(loaded: LoadedConfig): string {
  const rows = KEYS.map((entry) => [entry.path, tableText(entry, loaded), sourceOf(entry, loaded)]);
  const all = [["KEY", "VALUE", "SOURCE"], ...rows];
  const widthOf = (column: number) => Math.max(...all.map((row) => row[column]?.length ?? 0));
  const widths = [widthOf(0), widthOf(1), 0];
  return all.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()
  ).join("\n") + "\n";
}

function renderJson(loaded: LoadedConfig): string {
  const values = KEYS.map((entry) => [
    entry.path,
    { value: maskedRaw(entry, loaded), source: sourceOf(entry, loaded) },
  ]);
  return JSON.stringify(
    {
      profile: loaded.profile,
      role: loaded.role,
      file: loaded.file,
      values: Object.fromEntries(values),
    },
    null,
    2,
  ) + "\n";
}

function renderYaml(loaded: LoadedConfig): string {
  const document = new Document({});
  document.commentBefore = ` The effective configuration of a ${loaded.role}, profile ` +
    `${loaded.profile}; behind each value where it came from.`;
  for (const entry of KEYS) {
    const way = entry.path.split(".");
    const node = document.createNode(yamlRaw(entry, loaded));
    annotate(document, way, node, ` ${sourceOf(entry, loaded)}`);
  }
  return document.toString({ lineWidth: 0 });
}

/** Puts a node at its path, with a comment behind it, or before it where it is not a single value. */
function annotate(document: Document, way: readonly string[], node: Node, comment: string): void {
  document.setIn(way, node);
  if (isScalar(node)) {
    node.comment = comment;
    return;
  }
  const section = document.getIn(way.slice(0, -1));
  const pair = isMap(section) ? section.items.at(-1) : undefined;
  const name = document.createNode(way.at(-1));
  name.commentBefore = comment;
  if (pair) pair.key = name;
}

/** As a file would have it: `$` doubled, a secret as a variable. */
function yamlRaw(entry: SchemaKey, loaded: LoadedConfig): Raw {
  const raw = rawOf(entry, loaded);
  if (entry.key.about.secret) return raw === "" ? "" : "${" + secretVariable(entry) + "}";
  if (typeof raw === "string") return escapeVariables(raw);
  if (typeof raw !== "object") return raw;
  if (Array.isArray(raw)) return raw.map(escapeVariables);
  return Object.fromEntries(
    Object.entries(raw).map(([name, value]) => [name, escapeVariables(value)]),
  );
}

function secretVariable(entry: SchemaKey): string {
  return entry.environment[1] ?? entry.environment[0] ?? entry.path;
}

function tableText(entry: SchemaKey, loaded: LoadedConfig): string {
  const raw = maskedRaw(entry, loaded);
  if (typeof raw !== "object") return raw === "" ? '""' : String(raw);
  const items = Array.isArray(raw)
    ? raw
    : Object.entries(raw).map(([name, value]) => `${name}=${value}`);
  return items.length === 0 ? "(none)" : items.join(",");
}

function maskedRaw(entry: SchemaKey, loaded: LoadedConfig): Raw {
  const raw = rawOf(entry, loaded);
  const isEmpty = raw === "" || typeof raw === "object" && Object.keys(raw).length === 0;
  return entry.key.about.secret && !isEmpty ? MASK : raw;
}

function rawOf({ key, fields }: SchemaKey, { config }: LoadedConfig): Raw {
  return key.kind.write(valueAt(config, fields));
}

function sourceOf({ path }: SchemaKey, { sources }: LoadedConfig): string {
  return describeSource(sources[path] ?? { kind: "default" });
}
