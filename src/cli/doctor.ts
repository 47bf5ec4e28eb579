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
  directoriesOf,
  diskFindings,
  listensOn,
  portFinding,
  runtimeFinding,
} from "./doctor_host.ts";
import { settingFindings } from "./doctor_settings.ts";
import { NegativeAnswer } from "./failure.ts";
import { throughItself } from "./own_master.ts";
import { answerOf, pageUrl } from "./health.ts";
import type { Flags } from "./router.ts";
import { renderTable } from "./table.ts";
import { printable, type Sheet, type Styles, type Terminal } from "./terminal.ts";

const PAGE_TIMEOUT_MS = 1_000;

/** All that was looked at. */
export interface DoctorReport {
  readonly role: Role;
  readonly healthy: boolean;
  readonly ok: number;
  readonly warn: number;
  readonly fail: number;
  readonly checks: readonly Finding[];
}

/** @throws NegativeAnswer when something will not work */
export async function doctor(flags: Flags, terminal: Terminal): Promise<void> {
  const report = await doctorReport(flags.role as Role, flags);
  const { ok, warn, fail, checks } = report;
  tell(flags, terminal, {
    json: report,
    list: "checks",
    text: (sheet) =>
      `${findingsText(checks, sheet)}\n${ok} ok, ${warn} to look at, ${fail} to mend\n`,
  });
  if (fail > 0) throw new NegativeAnswer("");
}

/** Looks at everything that matters to a node of that role. */
export async function doctorReport(role: Role, flags: Flags): Promise<DoctorReport> {
  const checks = await findingsFor(role, flags);
  const count = (status: Health) => checks.filter((each) => each.status === status).length;
  const fail = count("fail");
  return { role, healthy: fail === 0, ok: count("ok"), warn: count("warn"), fail, checks };
}

async function findingsFor(role: Role, flags: Flags): Promise<Finding[]> {
  const host = [runtimeFinding(), ...descriptorFindings()];
  const examined = configOf(role, flags);
  if (!("config" in examined)) return [...host, ...examined];
  const { config } = examined;
  const runs = role !== "client" && await answers(examined, role);
  const ports = role === "client"
    ? []
    : listensOn(config, role).map((address) => portFinding(address, runs));
  return [
    ...host,
    ...configFindings(examined),
    ...settingFindings(examined),
    ...ports,
    ...directoriesOf(config, role).flatMap((directory) => diskFindings(directory, role)),
    ...await certificateFindings(examined),
    ...await clusterFindings(examined, role !== "master" || runs),
  ];
}

/** The configuration of the role, as its flags, the environment and the file make it. */
function configOf(role: Role, flags: Flags): ExaminedConfig | Finding[] {
  try {
    const towards = throughItself(role, flags);
    return examineConfig({
      flags: { ...flagsFrom(towards, role), ...flagsFrom(towards, "client") },
      env: Deno.env.toObject(),
      readTextFile: (path) => Deno.readTextFileSync(path),
      role,
    });
  } catch (failure) {
    if (!(failure instanceof Error) || failure.name !== "ConfigError") throw failure;
    const { fail } = findingsOf("configuration");
    return (failure as ConfigError).faults.map((fault) =>
      fail(fault.path, describeFault(fault), "correct it, and ask again")
    );
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
      onOneLine(subject),
      onOneLine(found),
    ]),
    // What is wrong is told whole.
    { ...sheet, columns: Number.POSITIVE_INFINITY },
  );
  const [head = "", ...rows] = table.trimEnd().split("\n");
  const lines = rows.flatMap((row, at) => {
    const { status, advice } = findings[at]!;
    return status === "ok" || advice === "" ? [row] : [row, `      ${onOneLine(advice)}`];
  });
  return [head, ...lines].map((line) => `${line}\n`).join("");
}

/** Some messages, as those of a library, have lines; a finding has one. */
function onOneLine(text: string): string {
  return printable(text.replace(/\s*\r?\n\s*/g, " "));
}

function statusText(status: Health, style: Styles): string {
  return { ok: style.green("ok"), warn: style.yellow("warn"), fail: style.red("FAIL") }[status];
}
