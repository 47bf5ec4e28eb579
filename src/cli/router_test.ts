import assert from "node:assert/strict";
import type { Command } from "commander";
import { describeConfig } from "../config/mod.ts";
import { JOB_STATUSES as REPLICATED_STATUSES } from "../jobs/mod.ts";
import { EXIT } from "./failure.ts";
import { JOB_STATUSES } from "./job_filter.ts";
import { otherWords } from "./other_words.ts";
import { buildProgram, route } from "./router.ts";
import { recording } from "./terminal_test_support.ts";

async function routed(...args: string[]) {
  const terminal = recording();
  const code = await route(args, terminal);
  return { code, ...terminal.written };
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

Deno.test("what commander refuses is told on one line, with what was meant, and exits 2", async () => {
  const table: [string[], RegExp][] = [
    [["submti"], /unknown command 'submti' \(did you mean submit\?\)/],
    [["submit", "--pyload", "x"], /unknown option '--pyload' \(did you mean --payload\?\)/],
    [["submit", "--typ", "x"], /unknown option '--typ' \(did you mean --type\?\)/],
    [["--verion"], /unknown option '--verion' \(did you mean --version\?\)/],
    [["watch"], /missing required argument 'job-id'/],
    [["cancel"], /name jobs by their ids, or by --status/],
    [["cancel", "some-id", "--type=x"], /only one way/],
    [
      ["cancel", "--status=completed"],
      /--status is "completed"; it may be one of waiting, pending,/,
    ],
    [["list", "--status", "bogus"], /--status is "bogus"; it may be one of waiting, pending,/],
    [
      ["list", "--status=pending", "-s", "running"],
      /--status was given twice, "pending" and "running"; jobs are chosen by one/,
    ],
    [["dlq", "purge", "--type=a", "--type=b"], /--type was given twice, "a" and "b"/],
    [["list", "--sort=size"], /--sort is "size"; it may be one of newest, oldest,/],
    [["list", "--created-after=soon"], /--created-after is "soon"; give a time such as/],
    [["dlq", "retry"], /or say --all/],
    [["dlq", "purge", "--all", "--type=x"], /only one way/],
    [["status", "a", "b"], /too many arguments/],
    [["list", "--output", "xml"], /'xml' is invalid/],
    [["dlq", "retri"], /unknown command 'retri' of `conductor dlq` \(did you mean retry\?\)/],
    [
      ["worker", "--max-concurrent-jobs=3"],
      /unknown option '--max-concurrent-jobs=3'; there is --concurrency \(worker\.max_concurrent_jobs\)/,
    ],
    [["worker", "--result-timeout", "3s"], /; there is --set worker\.result_timeout=VALUE$/m],
    // As the original's client was called, and its flags.
    [["submit", "-addr", "localhost:9000", "-type", "noop"], /have two dashes: --addr$/m],
    [["submit", "-type", "noop"], /unknown option '-type'; flags .* two dashes: --type$/m],
    [["submit", "-type=noop"], /unknown option '-type'; flags .* two dashes: --type$/m],
    [["submit", "-wait", "--type=noop"], /have two dashes: --wait$/m],
    [["list", "-output", "json"], /have two dashes: --output$/m],
    [["submit", "-action", "status"], /unknown option '-action'; what it named is a command:/],
    [["status", "-job=x"], /unknown option '-job=x'; a job is named without a flag/],
    [
      ["-addr", "h:9000", "-type", "noop"],
      /behind the command, with .*: conductor submit --addr$/m,
    ],
    [["client", "-addr", "h:9000"], /unknown command 'client' \(did you mean submit\?\)/],
    [["gen_token", "-user", "x"], /unknown command 'gen_token' \(did you mean token issue\?\)/],
    [["submit", "--retries", "3"], /unknown option '--retries'; there is --max-retries$/m],
    [["dlq", "retry", "--created", "2h"], /; there is --created-after, --created-before$/m],
    [["sumbit", "--help"], /unknown command 'sumbit' \(did you mean submit\?\)/],
    [["wait", "a-job"], /unknown command 'wait' \(did you mean watch JOB\?\)/],
    [["quite-another"], /unknown command 'quite-another'; --help shows what is possible/],
    [["-o", "json", "list"], /unknown option '-o'; flags stand behind the command$/m],
    [["--addr=localhost:1", "list"], /; flags stand behind the command$/m],
    [["help", "dlq", "retri"], /unknown command 'retri' of `conductor dlq`/],
    [["status", "--watch", "a-job"], /--watch is "a-job"; .*, or let --watch stand last$/m],
    [["help", "statsu"], /unknown command 'statsu' \(did you mean status\?\)/],
    [["completion", "tcsh"], /no completion for "tcsh"; there is one for bash, zsh, fish/],
  ];
  for (const [args, pattern] of table) {
    const { code, out, err } = await routed(...args);
    assert.equal(code, EXIT.misused, args.join(" "));
    assert.equal(out, "");
    assert.match(err, /^conductor: [^\n]*\n$/);
    assert.match(err, pattern);
  }
});

Deno.test("help of every command is an answer: stdout, exit 0, no default shown as code, no line over 80 columns", async () => {
  for (const command of everyCommand(buildProgram(recording()))) {
    const path: string[] = [];
    for (let each: Command | null = command; each?.parent; each = each.parent) {
      path.unshift(each.name());
    }
    const { code, out, err } = await routed(...path, "--help");
    assert.deepEqual([code, err], [EXIT.done, ""], path.join(" "));
    assert.match(out, /^Usage: conductor/);
    assert.doesNotMatch(out, /preset|default: "/, path.join(" "));
    for (const line of out.split("\n")) {
      // A hash is copied whole.
      assert.ok(line.length <= 80 || /[0-9a-f]{64}$/.test(line), `${path.join(" ")}: ${line}`);
    }
  }
});

Deno.test("help of a command within a group is that command's", async () => {
  assert.deepEqual(await routed("help", "dlq", "retry"), await routed("dlq", "retry", "--help"));
  assert.deepEqual(await routed("help"), await routed("--help"));
});

Deno.test("no two flags of a command have one name, and every flag says what it is for", () => {
  for (const command of everyCommand(buildProgram(recording()))) {
    const names = command.options.flatMap(({ long, short }) => [long, short]).filter(Boolean);
    assert.equal(new Set(names).size, names.length, `${command.name()}: ${names}`);
    for (const option of command.options) {
      assert.ok(option.description.length > 5, `${command.name()} ${option.long}`);
    }
  }
});

Deno.test("every flag of the configuration is on the commands of its role", () => {
  const program = buildProgram(recording());
  const optionsOf = (...path: string[]) => {
    let command = program;
    for (const name of path) command = command.commands.find((each) => each.name() === name)!;
    return new Set(command.options.map((each) => each.long));
  };
  const commands = {
    master: [optionsOf("master"), optionsOf("config", "show")],
    worker: [optionsOf("worker")],
    client: [optionsOf("submit"), optionsOf("dlq", "retry"), optionsOf("cluster", "status")],
  };
  for (const key of describeConfig()) {
    for (const role of ["master", "worker", "client"] as const) {
      const flag = key.flags[role];
      if (flag === undefined) continue;
      for (const options of commands[role]) assert.ok(options.has(`--${flag}`), `${key.path}`);
    }
  }
});

Deno.test("the statuses to choose by are those that there are", () => {
  assert.deepEqual([...JOB_STATUSES], [...REPLICATED_STATUSES]);
});

Deno.test("a configuration that is wrong is refused with all its faults before anything starts", async () => {
  const { code, err } = await routed(
    "master",
    "--grpc-port=x",
    "--log-level=loud",
    "--set=nope.key=1",
    "--profile=development",
  );
  assert.equal(code, EXIT.misused);
  for (const fault of [/grpc\.master_port/, /log\.level/, /nope\.key/]) assert.match(err, fault);
});

Deno.test("a word of others is no command of ours, and what it stands for is one", () => {
  const { commands } = buildProgram(recording());
  const named = (names: readonly Command[], name: string) =>
    names.find((each) => each.name() === name);
  for (const [word, ours] of otherWords()) {
    assert.equal(named(commands, word), undefined, word);
    for (const each of ours.split(" or ")) {
      const [first = "", second] = each.split(" ").filter((part) => part !== part.toUpperCase());
      const command = named(commands, first);
      assert.ok(command !== undefined, ours);
      if (second !== undefined) assert.ok(named(command.commands, second) !== undefined, ours);
    }
  }
});

Deno.test("a shell is answered and never refused, whatever stands in its line", async () => {
  const { code, out, err } = await routed("__complete", "submit", "--outp");
  assert.deepEqual([code, err], [EXIT.done, ""]);
  assert.match(out, /^--output\t/);
  const nonsense = await routed("__complete", "xyzzy", "--no=", "-", "=");
  assert.deepEqual([nonsense.code, nonsense.err], [EXIT.done, ""]);
});
