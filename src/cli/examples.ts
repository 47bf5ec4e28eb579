/**
 * Examples of every command, for its help and its manual page. A test holds each against the commands
 * and flags that there are.
 *
 * @module
 */

import type { Command } from "commander";

const JOB = "01a21482-6c70-72fc-ad4d-d0d22408ab20";

/** By the words of the command; what follows `conductor`. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  "": [
    "master --bootstrap",
    "worker --join localhost:9000",
    `submit --type web_scraping --payload '{"url":"https://example.com"}' --wait`,
    "status JOB_ID",
  ],
  "master": [
    "master --bootstrap",
    "master --node-id m2 --join m1:9000 --data-dir /var/lib/conductor/m2",
    "master --config /etc/conductor/master.yaml --set raft.apply_timeout=2s",
  ],
  "worker": [
    "worker --join localhost:9000",
    "worker --join m1:9000 --join m2:9000 --worker-id w1 --concurrency 20",
  ],
  "submit": [
    `submit --type test_sleep --payload '{"duration":"2s"}' --wait`,
    "submit --type data_analysis --payload @job.json --priority 9 --label team=red",
    "jq -c . job.json | conductor submit --type data_analysis --payload -",
  ],
  "status": ["status", "status --watch", `status ${JOB} -o yaml`],
  "watch": [`watch ${JOB}`, `watch ${JOB} --timeout 10m -o jsonl`],
  "logs": [`logs ${JOB} --follow`, `logs ${JOB} --tail 20`],
  "result": [`result ${JOB} > picture.png`, `result ${JOB} --wait --timeout 5m --file table.json`],
  "list": [
    "list --status failed --created-after 2h",
    "list --label team=red --watch",
    "list --limit 1000 -o jsonl | jq -r .id",
  ],
  "cancel": [`cancel ${JOB}`, `cancel --status pending --label team=red --dry-run`],
  "dlq list": ["dlq list --type http"],
  "dlq show": [`dlq show ${JOB}`],
  "dlq retry": [`dlq retry ${JOB}`, "dlq retry --type http --created-after 1d"],
  "dlq purge": ["dlq purge --created-before 30d --dry-run", "dlq purge --all --yes"],
  "batch list": ["batch list --unfinished --watch"],
  "batch submit": [
    "batch submit jobs.jsonl --wait",
    "generate-jobs | conductor batch submit - --all-or-nothing",
  ],
  "batch show": ["batch show nightly"],
  "batch wait": ["batch wait nightly --timeout 1h"],
  "batch watch": ["batch watch nightly -o jsonl"],
  "batch cancel": [`batch cancel nightly --reason "wrong input"`],
  "schedule add": [
    `schedule add backup --cron "0 3 * * *" --tz Europe/Berlin --type noop`,
    "schedule add poll --every 30s --overlap skip --type web_scraping --payload @poll.json",
    "schedule add party --at 2026-12-24T18:00 --type noop",
  ],
  "schedule list": ["schedule list --watch"],
  "schedule show": ["schedule show backup --next 10"],
  "schedule pause": ["schedule pause backup"],
  "schedule resume": ["schedule resume backup"],
  "schedule remove": ["schedule remove backup"],
  "schedule trigger": ["schedule trigger backup"],
  "schedule next": [
    "schedule next backup",
    `schedule next --cron "30 2 * * 1-5" --tz Europe/Berlin`,
  ],
  "explain": [`explain ${JOB}`],
  "type list": ["type list --watch"],
  "type show": ["type show http"],
  "type set": ["type set http --max-running 10 --rate 100/1m"],
  "type pause": ["type pause http"],
  "type resume": ["type resume http"],
  "type reset": ["type reset http"],
  "queue list": ["queue list --watch"],
  "queue show": ["queue show night"],
  "queue set": ["queue set night --weight 10 --max-running 4"],
  "queue pause": ["queue pause night"],
  "queue resume": ["queue resume night"],
  "queue reset": ["queue reset night"],
  "job-types list": ["job-types list", "job-types list --cluster"],
  "job-types show": ["job-types show http", "job-types show http -o json | jq .payload"],
  "workers list": ["workers list --status draining", "workers list --watch -o jsonl"],
  "workers show": ["workers show w1 --watch 1s"],
  "workers drain": ["workers drain w1 --wait", "workers drain w1 --grace 5m --wait --timeout 10m"],
  "workers undrain": ["workers undrain w1"],
  "cluster status": ["cluster status --watch"],
  "cluster members": ["cluster members --wide", "cluster members -o json | jq .members[].lag"],
  "cluster add": ["cluster add m4 10.0.0.4:7000 --grpc-address 10.0.0.4:9000"],
  "cluster remove": ["cluster remove m3"],
  "cluster promote": ["cluster promote m4"],
  "cluster transfer-leadership": ["cluster transfer-leadership --to m2"],
  "cluster snapshot": ["cluster snapshot --addr m2:9000"],
  "cluster recover": [
    "cluster recover --data-dir /var/lib/conductor",
    "cluster recover --data-dir /var/lib/conductor --accept-data-loss",
  ],
  "backup": ["backup monday.backup", "backup monday.backup --force --stale"],
  "restore": ["restore monday.backup --data-dir /var/lib/conductor --node-id m1"],
  "top": ["top", "top --interval 1s", "top --once -o json | jq .workers"],
  "doctor": ["doctor", "doctor --role worker --config worker.yaml", "doctor -o json | jq .checks"],
  "debug bundle": ["debug bundle support.tar.gz", "debug bundle - --log master.log | tar tz"],
  "raft inspect": ["raft inspect --data-dir /var/lib/conductor"],
  "raft log": [
    "raft log --data-dir /var/lib/conductor --from 1200 --to 1300",
    `raft log --limit 0 -o jsonl | jq 'select(.command == "assign")'`,
  ],
  "snapshot inspect": [
    "snapshot inspect monday.backup",
    "snapshot inspect /var/lib/conductor/state.db -o json",
  ],
  "certs init": ["certs init --dir /secure/ca --passphrase-file /secure/passphrase"],
  "certs issue": ["certs issue --role master m1 --san m1.example.com --san 10.0.0.1"],
  "certs renew": ["certs renew --ending"],
  "certs revoke": [`certs revoke carol --reason "has left"`],
  "certs list": ["certs list"],
  "certs show": ["certs show m1", "certs show /etc/conductor/certs/server.crt"],
  "token issue": ["token issue --subject ann --role operator --refresh --out ann.token"],
  "token inspect": ["token inspect ann.token"],
  "token refresh": ["token refresh ann.token"],
  "token revoke": ["token revoke ann.token", "token revoke --subject ann"],
  "token revocations": ["token revocations"],
  "rbac show": ["rbac show", "rbac show --file policy.json"],
  "rbac test": ["rbac test SubmitJob --role viewer"],
  "rbac set": ["rbac set policy.json --revision 3"],
  "payload-key new": ["payload-key new payload.key"],
  "payload-key rotate": ["payload-key rotate payload.key"],
  "payload-key show": ["payload-key show payload.key"],
  "audit verify": [
    "audit verify /var/log/conductor/audit.log",
    "audit verify audit.log --expect " + "5c1f".repeat(16),
  ],
  "config show": ["config show --role worker", "config show --profile production -o yaml"],
  "health": ["health", "health --role worker --live"],
  "version": ["version", "version -o json"],
  "completion": [`eval "$(conductor completion bash)"`],
  "man": ["man | man -l -", "man submit | man -l -", "man --directory /usr/local/share/man/man1"],
};

/** Whole command lines that show what a command is for; none for a group of commands. */
export function examplesOf(command: Command): readonly string[] {
  return (EXAMPLES[wordsOf(command).join(" ")] ?? []).map((each) =>
    /(\| |\$\()conductor /.test(each) ? each : `conductor ${each}`
  );
}

/** The words by which a command is called, without the program's name. */
export function wordsOf(command: Command): string[] {
  return command.parent === null ? [] : [...wordsOf(command.parent), command.name()];
}

/** Adds examples to the help of each command that has some. */
export function addExamples(command: Command): void {
  const examples = examplesOf(command);
  if (examples.length > 0) {
    command.addHelpText(
      "after",
      () => ["", "Examples:", ...examples.map(onLines)].join("\n"),
    );
  }
  for (const each of command.commands) addExamples(each);
}

/** Of an example's line, in places. */
const LINE_COLUMNS = 80;

/** An example as a terminal of 80 columns shows it whole: a long one goes on behind a backslash, before a flag. */
function onLines(example: string): string {
  const lines = ["  "];
  for (const part of example.split(/ (?=--)/)) {
    const line = lines.at(-1)!;
    const isFirst = line.trim() === "";
    if (isFirst || line.length + 1 + part.length + " \\".length <= LINE_COLUMNS) {
      lines[lines.length - 1] = isFirst ? `${line}${part}` : `${line} ${part}`;
    } else lines.push(`      ${part}`);
  }
  return lines.join(" \\\n");
}
