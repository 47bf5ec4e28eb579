/**
 * The picture of `conductor top`: a pure function of what was sampled, chosen and of the terminal's
 * size.
 *
 * @module
 */

import { progressBar } from "./live_line.ts";
import { membersTable } from "./members.ts";
import { jobTable, secondText } from "./present.ts";
import { workerTable } from "./present_workers.ts";
import { standingTable } from "./settings.ts";
import { cut, renderPairs } from "./table.ts";
import { printable, type Sheet } from "./terminal.ts";
import { endedPerSecond, slotsOf, type TopSample } from "./top_sample.ts";
import { KEYS, type Section, SECTIONS, type TopView } from "./top_view.ts";

/** What a terminal offers. */
export interface Screen extends Sheet {
  readonly rows: number;
}

/** What is drawn. */
export interface Picture {
  readonly sample: TopSample;
  readonly before: TopSample | undefined;
  readonly view: TopView;
  /** Why the sample is an old one; empty: it is not. */
  readonly remark: string;
}

const UNTOLD = "Nobody leads who would tell.\n";
/** Lines that a section may have at most while all share the terminal; jobs have what is left. */
const SHARES: Readonly<Record<Section, number>> = {
  members: 7,
  queues: 7,
  workers: 9,
  jobs: Number.POSITIVE_INFINITY,
};
/** A section has its title, its head and a row, or it is left out. */
const SECTION_LINES_MIN = 3;
/** What the jobs, which come last, are left whatever the others have. */
const JOB_LINES_MIN = 6;

/** Lines to draw, no more than the screen has, none wider than it. */
export function screenLines(picture: Picture, screen: Screen): string[] {
  const { view, sample } = picture;
  const head = headLines(picture, screen);
  const foot = screen.style.dim(cut(footText(view), screen.columns));
  const room = screen.rows - head.length - 1;
  const body = view.isHelp
    ? renderPairs(KEYS).trimEnd().split("\n")
    : view.zoom === undefined
    ? sharedLines(sample, view, room, screen)
    : zoomedLines(sample, view, room, screen);
  const shown = body.slice(0, Math.max(0, room)).map((line) => cut(line, screen.columns));
  while (shown.length < room) shown.push("");
  return [...head, ...shown, foot].slice(0, screen.rows);
}

/** The whole picture as a text, for a pipe or a file. */
export function sampleText(sample: TopSample, sheet: Sheet): string {
  const sections = SECTIONS.map((section) => `\n${tableOf(section, sample, sheet)}`);
  return `${statusLines(sample, undefined, sheet).join("\n")}\n${sections.join("")}`;
}

function headLines({ sample, before, view, remark }: Picture, screen: Screen): string[] {
  const { style, columns } = screen;
  const time = secondText(sample.atMs).slice(11, 19);
  const state = remark !== "" ? remark : view.isPaused ? "paused" : "";
  const lines = [
    `Conductor ${printable(sample.health.version)}  ${time} UTC` +
    (state === "" ? "" : `  ${state}`),
    ...statusLines(sample, before, screen),
    "",
  ].map((line) => cut(line, columns));
  return [remark === "" ? style.bold(lines[0]!) : style.yellow(lines[0]!), ...lines.slice(1)];
}

function statusLines(sample: TopSample, before: TopSample | undefined, sheet: Sheet): string[] {
  const { health, workers } = sample;
  const rate = endedPerSecond(before, sample);
  const slots = slotsOf(workers ?? []);
  const bar = slots.all === 0 ? "" : `${progressBar(slots.taken / slots.all, 10)} `;
  const dead = `${health.deadLetters} dead letters`;
  return [
    `Cluster  ${health.clusterId}, ${leaderText(health, sheet)}, term ${health.term}, entry ` +
    `${health.commitIndex}`,
    `Jobs     ${health.pendingJobs} pending, ${health.runningJobs} running, ` +
    `${health.deadLetters > 0 ? sheet.style.red(dead) : dead}` +
    (rate === undefined ? "" : `, ${rate.toFixed(1)} ended a second`),
    `Workers  ${health.activeWorkers} active of ${health.workers}` +
    (workers === undefined ? "" : `, ${bar}${slots.taken} of ${slots.all} places taken`),
  ];
}

/** Where nobody leads, all that follows is what one master knows. */
function leaderText({ leaderId, nodeId }: TopSample["health"], { style }: Sheet): string {
  if (leaderId !== "") return `led by ${printable(leaderId)}`;
  return `${style.red("led by nobody")}, as ${printable(nodeId)} sees it`;
}

function footText({ zoom, jobs, intervalMs }: TopView): string {
  const where = zoom === undefined ? "1-4 one alone" : "Up Down scroll";
  return `q leave  h help  ${where}  f jobs: ${jobs}  Space pause  every ${intervalMs / 1000} s`;
}

function sharedLines(sample: TopSample, view: TopView, room: number, sheet: Sheet): string[] {
  const lines: string[] = [];
  let left = room - JOB_LINES_MIN;
  for (const section of SECTIONS) {
    if (section === "jobs") left += JOB_LINES_MIN;
    const all = sectionLines(section, sample, view, sheet);
    const share = Math.min(SHARES[section], left, all.length);
    if (share < Math.min(SECTION_LINES_MIN, all.length)) continue;
    lines.push(...withCount(all, share, sheet), "");
    left -= share + 1;
  }
  return lines;
}

function withCount(all: readonly string[], share: number, { style }: Sheet): string[] {
  if (all.length <= share) return [...all];
  return [...all.slice(0, share - 1), style.dim(`  ${all.length - share + 1} more`)];
}

function zoomedLines(sample: TopSample, view: TopView, room: number, sheet: Sheet): string[] {
  const [title = "", head = "", ...rows] = sectionLines(view.zoom!, sample, view, sheet);
  const offset = Math.min(view.offset, Math.max(0, rows.length - (room - 2)));
  return [title, head, ...rows.slice(offset)];
}

function sectionLines(section: Section, sample: TopSample, view: TopView, sheet: Sheet): string[] {
  const number = SECTIONS.indexOf(section) + 1;
  const title = section === "jobs" && view.jobs !== "newest" ? `${view.jobs} jobs` : section;
  const table = tableOf(section, sample, { ...sheet, isCurt: true });
  // In brackets, as the key that it is: "3 workers" is read as their number.
  return [sheet.style.bold(`[${number}] ${title}`), ...table.trimEnd().split("\n")];
}

function tableOf(section: Section, sample: TopSample, sheet: Sheet): string {
  switch (section) {
    case "members":
      if (sample.members !== undefined) return membersTable(sample.members, sheet);
      return sample.health.leaderId === "" ? UNTOLD : "Your roles do not let you see them.\n";
    case "queues":
      return sample.queues === undefined ? UNTOLD : standingTable("queue", sample.queues, sheet);
    case "workers":
      return sample.workers === undefined ? UNTOLD : workerTable(sample.workers, sheet);
    case "jobs":
      return jobTable(sample.jobs, sheet);
  }
}
