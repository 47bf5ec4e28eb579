/**
 * `conductor audit verify`.
 *
 * @module
 */

import { type AuditReport, verifyAuditFile } from "../security/mod.ts";
import { tell } from "./answer.ts";
import { reasonOf } from "./reason.ts";
import { Misuse, NegativeAnswer } from "./failure.ts";
import type { Flags } from "./router.ts";
import { renderPairs } from "./table.ts";
import { printable, type Terminal } from "./terminal.ts";

/** Faults that are told of one by one; of more, only how many there are. */
const FAULTS_SHOWN_MAX = 20;

/**
 * Checks logs, each with what was moved aside of it.
 *
 * @throws NegativeAnswer when a log is not whole
 */
export async function verifyAudit(
  files: readonly string[],
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  const { expect } = flags;
  if (expect !== undefined && !/^[0-9a-f]{64}$/.test(String(expect))) {
    throw new Misuse(`--expect ${printable(String(expect))} is not a hash of 64 hex digits`);
  }
  const logs = logsAmong(files);
  if (expect !== undefined && logs.length > 1) {
    throw new Misuse(`--expect is about one log, and ${logs.join(", ")} are ${logs.length}`);
  }
  const reports: AuditReport[] = [];
  for (const path of logs) {
    try {
      reports.push(await verifyAuditFile(path, expect === undefined ? undefined : String(expect)));
    } catch (failure) {
      throw new Misuse(reasonOf(failure), { cause: failure });
    }
  }
  tell(flags, terminal, {
    json: { whole: reports.every(isWhole), logs: reports.map(jsonOf) },
    list: "logs",
    text: () => reports.map(textOf).join("\n"),
  });
  if (!reports.every(isWhole)) throw new NegativeAnswer("");
}

/** `audit.log*` of a shell names what belongs to `audit.log`, and is checked with it. */
function logsAmong(files: readonly string[]): string[] {
  const given = new Set(files);
  return [...given].filter((path) => {
    const base = path.replace(/\.(head|\d+)$/, "");
    return base === path || !given.has(base);
  });
}

function isWhole({ faults }: AuditReport): boolean {
  return faults.length === 0;
}

function textOf(report: AuditReport): string {
  const { files, lines, faults, firstSequence, lastSequence, lastHash } = report;
  const pairs: [string, string][] = [
    ["Log", files.map(printable).join(", ")],
    ["Whole", isWhole(report) ? "yes" : "NO"],
    [
      "Lines",
      // A file that is no audit log has lines without numbers.
      firstSequence === undefined
        ? String(lines)
        : `${lines}, number ${firstSequence} to ${lastSequence}`,
    ],
    ["Last hash", lastHash],
  ];
  // Rotation removes the oldest files, so that this is a fault only where nothing was to be removed.
  if ((firstSequence ?? 1) > 1) {
    const removed = firstSequence! - 1;
    pairs.push([
      "Before it",
      removed === 1 ? "1 line was removed" : `${removed} lines were removed`,
    ]);
  }
  for (const { path, line, kind, message } of faults.slice(0, FAULTS_SHOWN_MAX)) {
    pairs.push([kind, `${printable(path)}:${line}: ${printable(message)}`]);
  }
  if (faults.length > FAULTS_SHOWN_MAX) {
    pairs.push(["and", `${faults.length - FAULTS_SHOWN_MAX} faults more`]);
  }
  return renderPairs(pairs);
}

function jsonOf(report: AuditReport): Record<string, unknown> {
  const { files, lines, faults, firstSequence, lastSequence, lastHash } = report;
  return {
    files,
    whole: isWhole(report),
    lines,
    first_number: firstSequence ?? null,
    last_number: lastSequence ?? null,
    last_hash: lastHash,
    faults: faults.map(({ path, line, kind, message }) => ({ file: path, line, kind, message })),
  };
}
