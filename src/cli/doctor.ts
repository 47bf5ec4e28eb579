/**
 * `conductor doctor`: looks at what a node needs, and says what to do where something is missing.
 *
 * @module
 */

import {
  type ConfigError,
  describeFault,
  examineConfig,
  type ExaminedConfig,
  type Role,
} from "../config/mod.ts";
import { tell } from "./answer.ts";
import { flagsFrom } from "./config_flags.ts";
import { certificateFindings } from "./doctor_certificates.ts";
import { clusterFindings } from "./doctor_cluster.ts";
import { type Finding, findingsOf, type Health } from "./doctor_finding.ts";
import {
  descriptorFindings,
  diskFindings,
  listensOn,
  portFinding,
  runtimeFinding,
} from "./doctor_host.ts";
import { NegativeAnswer } from "./failure.ts";
import { answerOf, pageUrl } from "./health.ts";
import type { Flags } from "./router.ts";
import { renderTable } from "./table.ts";
import { printable, type Sheet, type Styles, type Terminal } from "./terminal.ts";

const PAGE_TIMEOUT_MS = 1_000;

/** @throws NegativeAnswer when something will not work */
export async function doctor(flags: Flags, terminal: Terminal): Promise<void> {
  const role = flags.role as Role;
  const findings = await findingsFor(role, flags);
  const count = (status: Health) => findings.filter((each) => each.status === status).length;
  tell(flags, terminal, {
    json: {
      role,
      healthy: count("fail") === 0,
      ok: count("ok"),
      warn: count("warn"),
      fail: count("fail"),
      checks: findings,
    },
    list: "checks",
    text: (sheet) =>
      `${findingsText(findings, sheet)}\n${count("ok")} ok, ${count("warn")} to look at, ` +
      `${count("fail")} to mend\n`,
  });
  if (count("fail") > 0) throw new NegativeAnswer("");
}

async function findingsFor(role: Role, flags: Flags): Promise<Finding[]> {
  const host = [runtimeFinding(), ...descriptorFindings()];
  const examined = configOf(role, flags);
  if (!("config" in examined)) return [...host, examined];
  const { config } = examined;
  const runs = role !== "client" && await answers(examined, role);
  const ports = role === "client"
    ? []
    : listensOn(config, role).map((address) => portFinding(address, runs));
  const directories = role === "master"
    ? new Set([config.cluster.raftDir, config.cluster.dataDir])
    : role === "worker"
    ? new Set([config.cluster.dataDir])
    : [];
  return [
    ...host,
    ...configFindings(examined),
    ...ports,
    ...[...directories].flatMap(diskFindings),
    ...await certificateFindings(examined),
    ...await clusterFindings(examined, role !== "master" || runs),
  ];
}

/** The configuration of the role, as its flags, the environment and the file make it. */
function configOf(role: Role, flags: Flags): ExaminedConfig | Finding {
  try {
    return examineConfig({
      flags: { ...flagsFrom(flags, role), ...flagsFrom(flags, "client") },
      env: Deno.env.toObject(),
      readTextFile: (path) => Deno.readTextFileSync(path),
      role,
    });
  } catch (failure) {
    if (!(failure instanceof Error) || failure.name !== "ConfigError") throw failure;
    const { message } = failure as ConfigError;
    return findingsOf("configuration").fail("all", message, "correct it, and ask again");
  }
}

function configFindings({ faults, warnings, profile, role, file }: ExaminedConfig): Finding[] {
  const { ok, warn, fail } = findingsOf("configuration");
  const findings = [
    ...faults.map((fault) =>
      fail(
        fault.path,
        describeFault(fault),
        "`conductor config show` tells where each value is from",
      )
    ),
    ...warnings.map((text) => warn(profile, text)),
  ];
  if (faults.length > 0) return findings;
  return [ok(profile, `sound for a ${role}; file: ${file.name}`), ...findings];
}

async function answers(
  { config }: ExaminedConfig,
  role: "master" | "worker",
): Promise<boolean> {
  try {
    return (await answerOf(pageUrl(config, role, "health"), PAGE_TIMEOUT_MS)).status === 200;
  } catch (failure) {
    // Nobody listens, or there is no such page: no node of this configuration runs here.
    if (failure instanceof Error && ["NegativeAnswer", "Misuse"].includes(failure.name)) {
      return false;
    }
    throw failure;
  }
}

/** One line a finding, and below it what to do. */
export function findingsText(findings: readonly Finding[], sheet: Sheet): string {
  const table = renderTable(
    ["", "CHECK", { title: "OF", cutTo: 20 }, { title: "FOUND", cutTo: 30 }],
    findings.map(({ status, check, subject, found }) => [
      statusText(status, sheet.style),
      check,
      printable(subject),
      printable(found),
    ]),
    // What is wrong is told whole.
    { ...sheet, columns: Number.POSITIVE_INFINITY },
  );
  const [head = "", ...rows] = table.trimEnd().split("\n");
  const lines = rows.flatMap((row, at) => {
    const { status, advice } = findings[at]!;
    return status === "ok" || advice === "" ? [row] : [row, `      ${printable(advice)}`];
  });
  return [head, ...lines].map((line) => `${line}\n`).join("");
}

function statusText(status: Health, style: Styles): string {
  return { ok: style.green("ok"), warn: style.yellow("warn"), fail: style.red("FAIL") }[status];
}
