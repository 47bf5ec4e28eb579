/**
 * What a person at `conductor top` has chosen to see, and what each key does to it.
 *
 * @module
 */

import type { JobFilter } from "../rpc/mod.ts";

/** Parts of the picture, in their order. */
export const SECTIONS = ["members", "queues", "workers", "jobs"] as const;
export type Section = typeof SECTIONS[number];

/** Which jobs are shown: the newest of all, or of those that the filter has. */
export const JOB_CHOICES = {
  newest: {},
  unfinished: { isFinished: false },
  failed: { status: "failed" },
} as const satisfies Record<string, JobFilter>;
export type JobChoice = keyof typeof JOB_CHOICES;

export interface TopView {
  /** The one section that has the whole terminal; undefined: all share it. */
  readonly zoom: Section | undefined;
  /** Rows of the zoomed section that are above the first one shown. */
  readonly offset: number;
  readonly isPaused: boolean;
  readonly isHelp: boolean;
  readonly jobs: JobChoice;
  /** Time between two samples, in ms. */
  readonly intervalMs: number;
}

/** What the program does about a key beside drawing the view. */
export type Effect = "quit" | "sample" | "none";

const INTERVAL_MS_MIN = 250;
const INTERVAL_MS_MAX = 60_000;
const PAGE_ROWS = 10;

/** Keys with what they do, for the help. */
export const KEYS: readonly (readonly [string, string])[] = [
  ["1 2 3 4", "members, queues, workers, jobs alone on the screen; again: all"],
  ["Up Down PgUp PgDn", "scroll what is alone"],
  ["f", "jobs: the newest, the unfinished, the failed"],
  ["+ -", "sample more often, less often"],
  ["Space", "pause, go on"],
  ["r", "sample now"],
  ["h ?", "this help"],
  ["q Esc Ctrl-C", "leave"],
];

export function firstView(intervalMs: number): TopView {
  return {
    zoom: undefined,
    offset: 0,
    isPaused: false,
    isHelp: false,
    jobs: "newest",
    intervalMs,
  };
}

/** The view after a key, as the terminal sends it. */
export function pressed(view: TopView, key: string): { view: TopView; effect: Effect } {
  if (key === "q" || key === "\u001b" || key === "\u0003") return { view, effect: "quit" };
  if (view.isHelp) return { view: { ...view, isHelp: false }, effect: "none" };
  const section = SECTIONS[Number(key) - 1];
  if (section !== undefined) {
    const zoom = view.zoom === section ? undefined : section;
    return { view: { ...view, zoom, offset: 0 }, effect: "none" };
  }
  const scroll = SCROLLS.get(key);
  if (scroll !== undefined) {
    return { view: { ...view, offset: Math.max(0, view.offset + scroll) }, effect: "none" };
  }
  switch (key) {
    case "h":
    case "?":
      return { view: { ...view, isHelp: true }, effect: "none" };
    case " ":
      return {
        view: { ...view, isPaused: !view.isPaused },
        effect: view.isPaused ? "sample" : "none",
      };
    case "r":
      return { view, effect: "sample" };
    case "f":
      return { view: { ...view, jobs: after(view.jobs), offset: 0 }, effect: "sample" };
    case "+":
      return { view: { ...view, intervalMs: paced(view.intervalMs / 2) }, effect: "sample" };
    case "-":
      return { view: { ...view, intervalMs: paced(view.intervalMs * 2) }, effect: "none" };
    default:
      return { view, effect: "none" };
  }
}

const SCROLLS: ReadonlyMap<string, number> = new Map([
  ["\u001b[A", -1],
  ["\u001bOA", -1],
  ["k", -1],
  ["\u001b[B", 1],
  ["\u001bOB", 1],
  ["j", 1],
  ["\u001b[5~", -PAGE_ROWS],
  ["\u001b[6~", PAGE_ROWS],
]);

function after(choice: JobChoice): JobChoice {
  const choices = Object.keys(JOB_CHOICES) as JobChoice[];
  return choices[(choices.indexOf(choice) + 1) % choices.length]!;
}

function paced(ms: number): number {
  return Math.min(INTERVAL_MS_MAX, Math.max(INTERVAL_MS_MIN, ms));
}

/** Splits what a terminal sent at once into keys: pasted letters, or the sequences of special keys. */
export function keysOf(text: string): string[] {
  // deno-lint-ignore no-control-regex -- Escape is what special keys begin with
  return text.match(/\u001b(?:\[[\d;]*[A-Za-z~]|O[A-Z])|[\s\S]/gu) ?? [];
}
