/**
 * Reads a YAML file into a written value per key, each with its line. Scalars are taken as they are
 * spelled, not as YAML 1.1 or 1.2 would type them, so that `off`, `0x10` and `1e3` mean here what
 * the key's kind says, and variables may stand anywhere.
 *
 * @module
 */

import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { expandVariables } from "./expand.ts";
import { type Fault, MASK, type Source } from "./faults.ts";
import type { Raw } from "./kinds.ts";
import { KEY_BY_PATH, KEYS, type SchemaKey, SECTIONS } from "./schema.ts";
import { nearest } from "./suggest.ts";

/** The file that is read: its name for messages, and its text. */
export interface ConfigFile {
  readonly name: string;
  readonly text: string;
  /** Whether it is one of the files inside the program. */
  readonly shipped: boolean;
}

/** A value as a file has it. */
export interface FileValue {
  readonly raw: Raw;
  readonly source: Source & { readonly kind: "file" };
}

/** What a file says. */
export interface FileContents {
  /** By the key's present path. */
  readonly values: ReadonlyMap<string, FileValue>;
  /** Variables that it names. */
  readonly variables: ReadonlySet<string>;
  readonly faults: readonly Fault[];
  readonly warnings: readonly string[];
  /** Whether the text is not YAML at all: nothing it says can then be trusted. */
  readonly unreadable: boolean;
}

/** Reads a file's text, with its variables filled in from `env`. Never throws. */
export function readYamlFile(
  file: ConfigFile,
  env: Readonly<Record<string, string | undefined>>,
): FileContents {
  return new Reader(file, env).read();
}

class Reader {
  readonly #file: ConfigFile;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed;
  readonly #values = new Map<string, FileValue>();
  readonly #variables = new Set<string>();
  readonly #faults: Fault[] = [];
  readonly #warnings: string[] = [];

  constructor(file: ConfigFile, env: Readonly<Record<string, string | undefined>>) {
    this.#file = file;
    this.#env = env;
    this.#document = parseDocument(file.text, {
      lineCounter: this.#lines,
      // "failsafe" leaves every scalar a string. Pretty errors would quote the file, secrets too.
      schema: "failsafe",
      prettyErrors: false,
    });
  }

  read(): FileContents {
    const errors = [...this.#document.errors, ...this.#document.warnings];
    for (const error of errors) {
      this.#faults.push({
        path: this.#file.name,
        source: this.#sourceAt(error.pos[0]),
        problem: "is not valid YAML",
        remedy: error.message.replace(/[.\s]+$/, ""),
      });
    }
    if (errors.length === 0) this.#readRoot();
    return {
      values: this.#values,
      variables: this.#variables,
      faults: this.#faults,
      warnings: this.#warnings,
      unreadable: errors.length > 0,
    };
  }

  #readRoot(): void {
    const root = this.#resolve(this.#document.contents);
    if (isNothing(root)) return;
    if (isMap(root)) return this.#readSection(root, "");
    this.#faults.push({
      path: this.#file.name,
      source: this.#sourceAt(0),
      problem: "is not a mapping of sections",
      remedy: 'Write sections with keys, such as "cluster:" with "  http_port: 8080" below it',
    });
  }

  #readSection(section: YAMLMap, prefix: string): void {
    for (const pair of section.items) {
      const name = nameOf(pair);
      const path = name === undefined ? prefix.slice(0, -1) || this.#file.name : prefix + name;
      const source = this.#sourceAt(startOf(pair.key));
      if (name === undefined) {
        this.#faults.push({
          path,
          source,
          problem: "has a key that is not a word",
          remedy: "Write a plain name before the colon",
        });
        continue;
      }
      const value = this.#resolve(pair.value);
      const known = name.includes(".") ? undefined : KEY_BY_PATH.get(path);
      if (known) this.#readKey(known, path, value, source);
      else if (SECTIONS.has(path) && !name.includes(".")) this.#readSubsection(path, value, source);
      else this.#faults.push(unknownKey(path, name, source));
    }
  }

  #readSubsection(path: string, value: unknown, source: FileValue["source"]): void {
    if (isMap(value)) return this.#readSection(value, `${path}.`);
    if (isNothing(value)) return;
    this.#faults.push({
      path,
      source,
      problem: "is a section, not a key",
      remedy: `Write its keys below it, indented`,
    });
  }

  #readKey(entry: SchemaKey, path: string, value: unknown, at: FileValue["source"]): void {
    if (isNothing(value)) return;
    const unset: string[] = [];
    const raw = this.#rawOf(entry, value, unset);
    const source = { ...at, unset };
    if (raw === undefined) {
      this.#faults.push({
        path,
        source,
        problem: "holds values within values",
        remedy: `Allowed: ${entry.key.kind.allowed}`,
      });
    } else if (this.#values.has(entry.path)) {
      this.#faults.push({
        path,
        source,
        problem: `says the same as ${
          path === entry.path ? "an earlier spelling of it" : entry.path
        }, which is there too`,
        remedy: `Keep ${entry.path} alone`,
      });
    } else {
      this.#values.set(entry.path, { raw, source });
    }
  }

  /** The value with its variables filled in; undefined where it is nested deeper than any kind. */
  #rawOf(entry: SchemaKey, value: unknown, unset: string[]): Raw | undefined {
    if (isScalar(value)) return this.#expand(entry, textOf(value), unset);
    if (isSeq(value)) {
      const items = (value as YAMLSeq).items.map((item) => this.#resolve(item));
      if (!items.every(isScalar)) return undefined;
      return items.map((item) => this.#expand(entry, textOf(item), unset));
    }
    if (isMap(value)) {
      const pairs = value.items.map((pair) => [nameOf(pair), this.#resolve(pair.value)] as const);
      const entries: [string, string][] = [];
      for (const [name, item] of pairs) {
        if (name === undefined || !isScalar(item)) return undefined;
        entries.push([name, this.#expand(entry, textOf(item), unset)]);
      }
      return Object.fromEntries(entries);
    }
    return undefined;
  }

  #expand(entry: SchemaKey, written: string, unset: string[]): string {
    const expanded = expandVariables(written, this.#env);
    for (const name of expanded.named) this.#variables.add(name);
    unset.push(...expanded.unset);
    if (expanded.hasBareVariable) {
      this.#warnings.push(
        `${entry.path}: a $NAME without braces (${this.#file.name}) is taken as it stands; write ` +
          "${NAME} for a variable, or $$ for a dollar sign.",
      );
    }
    return expanded.text;
  }

  #resolve(node: unknown): unknown {
    if (!isAlias(node)) return node;
    const target = node.resolve(this.#document);
    if (target === undefined) {
      this.#faults.push({
        path: this.#file.name,
        source: this.#sourceAt(startOf(node)),
        problem: `refers to an alias *${node.source} that is not there`,
        remedy: `Write &${node.source} before the value that is meant, above it`,
      });
    }
    return target;
  }

  #sourceAt(offset: number): FileValue["source"] {
    return {
      kind: "file",
      file: this.#file.name,
      line: Math.max(1, this.#lines.linePos(offset).line),
      shipped: this.#file.shipped,
      unset: [],
    };
  }
}

/** A fault for a key that no schema knows, whatever said it. */
export function unknownKey(path: string, name: string, source: Source): Fault {
  const depthOf = (dotted: string) => dotted.split(".").length;
  const sections = [...SECTIONS].filter((section) => depthOf(section) === depthOf(path));
  const meant = nearest(path, [...KEYS.map((entry) => entry.path), ...sections]);
  const nested = name.includes(".") && KEY_BY_PATH.has(path) && source.kind === "file";
  return {
    path,
    source,
    problem: "is not a key",
    remedy: nested
      ? `Write ${path.slice(path.lastIndexOf(".") + 1)} below its section, indented`
      : meant === undefined
      ? "`conductor config show` lists every key"
      : `Did you mean ${meant}?`,
  };
}

/** A value for a message: quoted as JSON, or masked. */
export function shownRaw(entry: SchemaKey, raw: Raw): string {
  if (entry.key.about.secret && raw !== "") return MASK;
  // Of an address, in whichever key, a user and a password.
  return JSON.stringify(raw).replace(/:\/\/[^/\s"]*@/g, `://${MASK}@`);
}

function nameOf(pair: Pair): string | undefined {
  return isScalar(pair.key) ? textOf(pair.key) : undefined;
}

function startOf(node: unknown): number {
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range?.[0] ?? 0 : 0;
}

function textOf(node: Scalar): string {
  return String(node.value ?? "");
}

/** A key without a value (`key:`, `key: ~`, `key: null`) is as good as absent. */
function isNothing(node: unknown): boolean {
  if (node === null || node === undefined) return true;
  if (!isScalar(node)) return false;
  return node.type === "PLAIN" && ["", "~", "null", "Null", "NULL"].includes(textOf(node));
}
