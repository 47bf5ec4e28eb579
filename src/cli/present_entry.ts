/**
 * Entries of a Raft log as people and scripts want to read them.
 *
 * @module
 */

import type { EntryContent } from "../master/mod.ts";
import { bodyJson, timeText } from "./present.ts";

/** An entry of the log, decoded. */
export interface LoggedEntry {
  readonly index: number;
  readonly term: number;
  readonly bytes: number;
  readonly content: EntryContent;
}

/** Members whose keys are others' own names, and stay as they are. */
const MAPS: ReadonlySet<string> = new Set(["labels", "requiredTags", "tags", "typeSlots"]);
/** Members that hold what jobs have written. */
const LINES: ReadonlySet<string> = new Set(["logs", "log", "lines", "logTail", "tail"]);

/** Without `payloads`, of what jobs were given and have written only the size is told. */
export function entryJson(
  { index, term, bytes, content }: LoggedEntry,
  payloads: boolean,
): Record<string, unknown> {
  const head = { index, term, kind: content.kind, bytes };
  switch (content.kind) {
    case "noop":
      return head;
    case "membership":
      return { ...head, membership: plain(content.membership, payloads) };
    case "unreadable":
      return { ...head, fault: content.fault };
    case "command": {
      const { kind, atMs, ...rest } = content.command;
      return {
        ...head,
        command: kind,
        at: timeText(atMs),
        ...plain(rest, payloads) as Record<string, unknown>,
      };
    }
  }
}

/** What it is about, on one line. */
export function entryText({ content }: LoggedEntry): string {
  switch (content.kind) {
    case "noop":
      return "a leader begins";
    case "membership": {
      const { voters, learners } = content.membership;
      const names = (of: typeof voters) => of.map(({ id }) => id).join(", ");
      return `voters ${names(voters)}` +
        (learners.length > 0 ? `; learners ${names(learners)}` : "");
    }
    case "unreadable":
      return content.fault;
    case "command": {
      const { kind, atMs: _, ...rest } = content.command;
      return [kind, ...subjectsOf(rest)].join("  ");
    }
  }
}

/** The first names and ids that a command mentions, and how many elements its lists have. */
function subjectsOf(command: Readonly<Record<string, unknown>>): string[] {
  const subjects = Object.entries(command).flatMap(([name, value]) => {
    if (Array.isArray(value)) {
      const first = value.find((each) => typeof each === "object" && each !== null);
      const subject = name.endsWith("Ids") ? value[0] : idsOf(first ?? {})[0];
      return [`${value.length} ${spaced(name)}${subject === undefined ? "" : ` (${subject})`}`];
    }
    if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) {
      return idsOf(value).slice(0, 1);
    }
    return idsOf({ [name]: value });
  });
  return subjects.slice(0, 3);
}

function idsOf(value: object): string[] {
  return Object.entries(value).flatMap(([name, each]) =>
    typeof each === "string" && each !== "" && /^(id|name|key|type|.*Id)$/.test(name) ? [each] : []
  );
}

/** Bytes and lines by their size unless they may be shown, names as all our JSON has them. */
function plain(value: unknown, payloads: boolean): unknown {
  if (value instanceof Uint8Array) {
    return payloads ? bodyJson(value, "") : { bytes: value.byteLength };
  }
  if (Array.isArray(value)) return value.map((each) => plain(each, payloads));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => {
      if (MAPS.has(name)) return [snake(name), each];
      const isHidden = !payloads && LINES.has(name) && Array.isArray(each);
      return [snake(name), isHidden ? { lines: each.length } : plain(each, payloads)];
    }),
  );
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function spaced(name: string): string {
  return snake(name).replaceAll("_", " ");
}
