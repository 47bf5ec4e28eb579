/**
 * `conductor type` and `conductor queue`.
 *
 * @module
 */

import { formatDuration } from "../config/mod.ts";
import type {
  Configuration,
  RateView,
  ScopeName,
  SettingsChangeView,
  StandingView,
} from "../rpc/mod.ts";
import { type Answer, tell } from "./answer.ts";
import { FlagReader } from "./arguments.ts";
import { withClient } from "./connect.ts";
import { Misuse } from "./failure.ts";
import { timeText } from "./present.ts";
import type { Flags } from "./router.ts";
import { rateOf } from "./submission.ts";
import { renderPairs, renderTable } from "./table.ts";
import { printable, type Sheet, type Terminal } from "./terminal.ts";
import { tellOrWatch } from "./watching.ts";

export async function listStandings(
  scope: ScopeName,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  await withClient(flags, terminal, async ({ client }) => {
    await tellOrWatch(flags, terminal, async () => {
      const standings = await client.listStandings(scope);
      const list = `${scope}s`;
      return {
        json: { [list]: standings.map((each) => standingJson(scope, each)) },
        list,
        text: (sheet) => standingTable(scope, standings, sheet),
      };
    });
  });
}

/** How types or queues stand, one a line. */
export function standingTable(
  scope: ScopeName,
  standings: readonly StandingView[],
  sheet: Sheet,
): string {
  return renderTable(
    [
      { title: scope.toUpperCase(), cutTo: 12 },
      "PENDING",
      { title: "WAITING", rank: 2 },
      "RUNNING",
      { title: "RATE", rank: 1 },
      ...(scope === "queue" ? [{ title: "WEIGHT", rank: 3 }] : []),
      { title: "PAUSED", cutTo: 8 },
    ],
    standings.map((each) => [
      printable(each.name),
      String(each.pending),
      String(each.waiting),
      runningText(each),
      rateText(each.rate),
      ...(scope === "queue" ? [String(each.weight)] : []),
      each.paused ? `by ${printable(each.pausedBy)}` : "",
    ]),
    sheet,
  );
}

/** A name that nobody has used stands at nothing, and is no fault: it may be set. */
export async function showStanding(
  scope: ScopeName,
  name: string,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  await withClient(flags, terminal, async ({ client }) => {
    await tellOrWatch(flags, terminal, async () => {
      const standings = await client.listStandings(scope);
      const standing = standings.find((each) => each.name === name) ?? { ...untouched, name };
      return standingAnswer(scope, standing);
    });
  });
}

export async function setLimits(
  scope: ScopeName,
  name: string,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  const reader = new FlagReader(flags);
  const runningMax = reader.integer("maxRunning", { min: 0 });
  const weight = reader.integer("weight", { min: 1, max: 1000 });
  const rate = reader.text("rate") === "none"
    ? null
    : reader.parsed("rate", rateOf, "give count/duration[:burst], such as 10/1s, or none");
  reader.done();
  const change: SettingsChangeView = {
    ...(runningMax === undefined ? {} : { runningMax }),
    ...(rate === undefined ? {} : { rate }),
    ...(weight === undefined ? {} : { weight }),
  };
  if (Object.keys(change).length === 0) {
    const weightFlag = scope === "queue" ? ", --weight" : "";
    throw new Misuse(`nothing is to be set; give --max-running, --rate${weightFlag}`);
  }
  await configure({ scope, name, change }, flags, terminal);
}

export async function configure(
  configuration: Configuration,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  await withClient(flags, terminal, async ({ client }) => {
    const { changed, standing } = await client.configure(configuration);
    if (!changed) terminal.err.write("it was so before\n");
    tell(flags, terminal, standingAnswer(configuration.scope, standing));
  });
}

function standingAnswer(scope: ScopeName, standing: StandingView): Answer {
  return { json: standingJson(scope, standing), text: () => standingText(scope, standing) };
}

function standingText(scope: ScopeName, standing: StandingView): string {
  const { name, paused, pausedBy, pausedAtMs, pending, waiting, weight } = standing;
  return renderPairs([
    [scope === "type" ? "Type" : "Queue", printable(name)],
    ["Paused", paused ? `by ${printable(pausedBy)} since ${timeText(pausedAtMs)}` : "no"],
    ["Pending", String(pending)],
    ["Waiting", String(waiting)],
    ["Running", runningText(standing)],
    ["Rate", rateText(standing.rate) || "any"],
    ...(scope === "queue" ? [["Weight", String(weight)] as [string, string]] : []),
  ]);
}

/** How one type or queue stands, for programs. */
export function standingJson(scope: ScopeName, standing: StandingView): Record<string, unknown> {
  const { name, waiting, pending, assigned, running, paused, runningMax, rate } = standing;
  return {
    [scope]: name,
    ...{ waiting, pending, assigned, running, paused },
    paused_by: standing.pausedBy === "" ? null : standing.pausedBy,
    paused_at: paused ? timeText(standing.pausedAtMs) : null,
    max_running: runningMax === 0 ? null : runningMax,
    rate: rate && { count: rate.count, per_ms: rate.perMs, burst: rate.burst },
    ...(scope === "queue" ? { weight: standing.weight } : {}),
  };
}

/** Jobs that workers hold, of how many may be. */
function runningText({ assigned, running, runningMax }: StandingView): string {
  return `${assigned + running}${runningMax > 0 ? `/${runningMax}` : ""}`;
}

function rateText(rate: RateView | null): string {
  if (rate === null) return "";
  const burst = rate.burst === rate.count ? "" : `:${rate.burst}`;
  return `${rate.count}/${formatDuration(rate.perMs)}${burst}`;
}

const untouched: Omit<StandingView, "name"> = {
  waiting: 0,
  pending: 0,
  assigned: 0,
  running: 0,
  paused: false,
  pausedBy: "",
  pausedAtMs: 0,
  runningMax: 0,
  rate: null,
  weight: 1,
};
