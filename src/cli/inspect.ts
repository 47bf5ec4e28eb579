/**
 * `conductor raft inspect`, `raft log` and `snapshot inspect`: what a master's files hold, read and
 * not changed.
 *
 * @module
 */

import {
  contentOf,
  inspectRaftLog,
  inspectSnapshot,
  type RaftLogReport,
  type SnapshotReport,
} from "../master/mod.ts";
import { formatOf, jsonLine, tell } from "./answer.ts";
import { FlagReader } from "./arguments.ts";
import { reasonOf } from "./reason.ts";
import { configFrom } from "./config_flags.ts";
import { Misuse, NegativeAnswer } from "./failure.ts";
import { secondText, timeText } from "./present.ts";
import { entryJson, entryText, type LoggedEntry } from "./present_entry.ts";
import type { Flags } from "./router.ts";
import { renderPairs, renderTable } from "./table.ts";
import { printable, type Sheet, type Terminal } from "./terminal.ts";

/** Entries that are printed unasked. */
const ENTRIES_DEFAULT = 50;

/** @throws NegativeAnswer when a master would not start on it */
export function inspectRaft(flags: Flags, terminal: Terminal): void {
  const directory = raftDirOf(flags);
  const report = readable(() => inspectRaftLog(directory));
  tell(flags, terminal, {
    json: reportJson(report, directory),
    text: () => reportText(report, directory),
  });
  if (report.faults.length > 0) throw new NegativeAnswer("");
}

/** @throws NegativeAnswer when the log is damaged; what is sound is printed all the same */
export function printRaftLog(flags: Flags, terminal: Terminal): void {
  const reader = new FlagReader(flags);
  const from = reader.integer("from", { min: 1 }) ?? 0;
  const to = reader.integer("to", { min: 1 }) ?? Number.MAX_SAFE_INTEGER;
  const limit = reader.integer("limit", { min: 0 }) ?? ENTRIES_DEFAULT;
  if (from > to) reader.fault("from", `it is behind --to, which is ${to}`);
  reader.done();
  const payloads = flags.payloads === true;
  const last = new LastOnes<LoggedEntry>(limit === 0 ? Number.POSITIVE_INFINITY : limit);
  const isStream = limit === 0 && formatOf(flags) === "jsonl";
  const report = readable(() =>
    inspectRaftLog(raftDirOf(flags), (entry) => {
      const { index, term, data } = entry;
      if (index < from || index > to) return;
      const logged = { index, term, bytes: data.byteLength, content: contentOf(entry) };
      // A whole log need not fit into memory.
      if (isStream) terminal.out.write(jsonLine(entryJson(logged, payloads)));
      else last.add(logged);
    })
  );
  const entries = last.all();
  const { firstIndex, lastIndex } = report;
  const isAll = last.forgotten === 0;
  if (!isStream) {
    tell(flags, terminal, {
      json: { entries: entries.map((each) => entryJson(each, payloads)) },
      list: "entries",
      text: (sheet) => entryTable(entries, sheet),
      ...(!isAll && {
        note: `the last ${entries.length} of entries ${firstIndex} to ${lastIndex}; ` +
          "--limit 0 prints all, --from and --to a range",
      }),
    });
  }
  if (report.faults.length > 0) throw new NegativeAnswer(report.faults.join("; "));
}

/** @throws NegativeAnswer when the state in it is damaged */
export function inspectSnapshotFile(file: string, flags: Flags, terminal: Terminal): void {
  const report = readable(() => inspectSnapshot(file));
  tell(flags, terminal, {
    json: snapshotJson(report, file),
    text: () => snapshotText(report, file),
  });
  if (report.state.integrity !== "ok") throw new NegativeAnswer("");
}

function raftDirOf(flags: Flags): string {
  // Whoever looks is no node, and no founder: of a master's configuration only the directories count.
  return configFrom(
    { nodeId: "inspect", initialCluster: [], ...flags },
    "master",
  ).config.cluster.raftDir;
}

/** What cannot be read at all is misuse: another file was meant. */
function readable<Report>(read: () => Report): Report {
  try {
    return read();
  } catch (failure) {
    const isAboutTheFile = failure instanceof Error &&
      ["RaftLogRefused", "JobStoreRefused", "BackupRefused"].includes(failure.name);
    if (isAboutTheFile) throw new NegativeAnswer(failure.message, { cause: failure });
    if (failure instanceof Error && "code" in failure && failure.code === "ENOENT") {
      const { path } = failure as { readonly path?: unknown };
      const name = typeof path === "string" ? printable(path) : "what was named";
      throw new Misuse(`cannot read ${name}: ${reasonOf(failure)}`, { cause: failure });
    }
    throw failure;
  }
}

/** The last elements of a sequence. */
class LastOnes<Element> {
  readonly #max: number;
  #elements: Element[] = [];
  forgotten = 0;

  constructor(max: number) {
    this.#max = max;
  }

  add(element: Element): void {
    this.#elements.push(element);
    // Now and then, so that adding one costs little.
    if (this.#elements.length > 2 * this.#max) this.#cut();
  }

  all(): readonly Element[] {
    this.#cut();
    return this.#elements;
  }

  #cut(): void {
    const excess = Math.max(0, this.#elements.length - this.#max);
    this.forgotten += excess;
    this.#elements = this.#elements.slice(excess);
  }
}

/** What is known of a log, for programs. */
export function reportJson(report: RaftLogReport, directory: string): Record<string, unknown> {
  const { hardState, boundary, installing, membership, marker } = report;
  const member = (of: typeof membership.voters) =>
    of.map(({ id, address, incarnation }) => ({ id, address, incarnation }));
  return {
    directory,
    node_id: report.nodeId,
    cluster_id: report.clusterId,
    incarnation: report.incarnation,
    format: report.format,
    term: hardState.term,
    vote: hardState.vote,
    commit_index: hardState.commit,
    snapshot: { index: boundary.index, term: boundary.term },
    installing: installing === undefined
      ? null
      : { index: installing.index, term: installing.term },
    first_index: report.firstIndex,
    last_index: report.lastIndex,
    last_term: report.lastTerm,
    entries: report.entries,
    entry_bytes: report.entryBytes,
    membership: {
      index: report.membershipIndex,
      voters: member(membership.voters),
      learners: member(membership.learners),
    },
    generation: report.generation,
    journal_commits: report.journalCommits,
    last_hash: report.lastHash,
    marker: marker === undefined ? null : {
      generation: marker.generation,
      term: marker.term,
      vote: marker.vote,
      last_index: marker.lastIndex,
      last_hash: marker.lastHash,
    },
    sound: report.faults.length === 0,
    faults: report.faults,
  };
}

function reportText(report: RaftLogReport, directory: string): string {
  const { hardState, boundary, installing, membership, marker, entries, faults } = report;
  const names = (of: typeof membership.voters) =>
    of.map(({ id, address }) => printable(`${id} (${address})`)).join(", ") || "none";
  const count = entries.noop + entries.command + entries.membership;
  return renderPairs([
    ["Log", directory],
    ["Node", `${printable(report.nodeId)}, incarnation ${printable(report.incarnation)}`],
    ["Cluster", printable(report.clusterId)],
    ["Term", String(hardState.term)],
    ["Vote", printable(hardState.vote ?? "") || "nobody in this term"],
    ["Committed", `at least up to entry ${hardState.commit}, when it was last written`],
    [
      "Snapshot",
      boundary.index === 0 ? "none: the log is whole" : `entry ${boundary.index}, term ` +
        `${boundary.term}; the log begins behind it`,
    ],
    ...(installing === undefined
      ? []
      : [["Installing", `a snapshot of entry ${installing.index}`] as const]),
    [
      "Entries",
      count === 0 ? "none" : `${count}, ${report.firstIndex} to ${report.lastIndex} (term ` +
        `${report.lastTerm}): ${entries.command} commands, ${entries.membership} memberships, ` +
        `${entries.noop} beginnings of leaders; ${report.entryBytes} bytes`,
    ],
    ["Voters", names(membership.voters)],
    ["Learners", names(membership.learners)],
    [
      "Marker",
      marker === undefined ? "none" : `commit ${marker.generation}, entry ` +
        `${marker.lastIndex}, term ${marker.term}`,
    ],
    [
      "Commit",
      `${report.generation} (the last ${report.journalCommits} in the journal alone), format ` +
      `${report.format}`,
    ],
    ["Last hash", report.lastHash],
    [
      "Sound",
      faults.length === 0 ? "yes: every hash of the chain, the journal and the marker" : "NO",
    ],
    ...faults.map((fault) => ["Fault", printable(fault)] as const),
  ]);
}

function entryTable(entries: readonly LoggedEntry[], sheet: Sheet): string {
  return renderTable(
    [
      "INDEX",
      "TERM",
      "KIND",
      { title: "AT", rank: 1 },
      { title: "BYTES", rank: 2 },
      { title: "WHAT", cutTo: 20 },
    ],
    entries.map((entry) => [
      String(entry.index),
      String(entry.term),
      entry.content.kind,
      entry.content.kind === "command" ? secondText(entry.content.command.atMs) : "",
      String(entry.bytes),
      printable(entryText(entry)),
    ]),
    sheet,
  );
}

/** What is known of a snapshot, for programs. */
export function snapshotJson(
  { kind, bytes, head, state, walBytes }: SnapshotReport,
  file: string,
): Record<string, unknown> {
  return {
    file,
    kind,
    bytes,
    backup: head === undefined ? null : {
      format: head.format,
      node_id: head.nodeId,
      version: head.version,
      created_at: timeText(head.createdAtMs),
      members: head.members,
      digest: "verified",
    },
    format: state.format,
    cluster_id: head?.clusterId ?? state.clusterId,
    applied_index: head?.index ?? state.applied.index,
    applied_term: head?.term ?? state.applied.term,
    unfinished_jobs: state.unfinishedJobs,
    finished_jobs: state.finishedJobs,
    dead_letters: state.deadLetters,
    workers: state.workers,
    payloads: state.payloads,
    results: state.results,
    idempotency_keys: state.idempotencyKeys,
    records: state.records,
    integrity: state.integrity,
    unread_wal_bytes: walBytes,
  };
}

function snapshotText(report: SnapshotReport, file: string): string {
  const { kind, bytes, head, state, walBytes } = report;
  const counts = (of: Readonly<Record<string, number | undefined>>) =>
    Object.entries(of).map(([name, count]) => `${count} ${printable(name)}`).join(", ") || "none";
  return renderPairs([
    ["File", `${printable(file)}, ${bytes} bytes`],
    [
      "Kind",
      kind === "backup" ? `a backup, format ${head!.format}` : "a state or a snapshot of one",
    ],
    ...(head === undefined ? [] : [
      [
        "Made",
        `${secondText(head.createdAtMs)} by ${printable(head.nodeId)}, conductor ` +
        printable(head.version),
      ] as const,
      ["Members", head.members.map(printable).join(", ")] as const,
      ["Digest", "right"] as const,
    ]),
    ["Cluster", printable(head?.clusterId ?? state.clusterId)],
    [
      "State",
      `format ${state.format}, at entry ${head?.index ?? state.applied.index}, term ` +
      `${head?.term ?? state.applied.term}`,
    ],
    ["Unfinished", state.unfinishedJobs === 1 ? "1 job" : `${state.unfinishedJobs} jobs`],
    ["Finished", `${counts(state.finishedJobs)}; ${state.deadLetters} dead letters`],
    ["Workers", String(state.workers)],
    ["Bodies", `${state.payloads} payloads, ${state.results} results`],
    ["Keys", `${state.idempotencyKeys} for idempotency`],
    ["Records", counts(state.records)],
    ["Rows", state.integrity === "ok" ? "sound, and every index" : printable(state.integrity)],
    ...(walBytes === 0 ? [] : [
      [
        "Not read",
        `${walBytes} bytes in its -wal file: a master runs on it, or was killed`,
      ] as const,
    ]),
  ]);
}
