import assert from "node:assert/strict";
import { complete, type CompletionSources } from "./complete.ts";
import { buildProgram, type Flags } from "./router.ts";
import { recording } from "./terminal_test_support.ts";

const program = buildProgram(recording());

/** What is offered at the end of a line; the cluster has the jobs j1 and j2 and the worker w1. */
async function offered(line: string, asked: Flags[] = []): Promise<string[]> {
  const sources: CompletionSources = {
    jobs(command, flags) {
      asked.push({ ...flags, command });
      return Promise.resolve([{ value: "j1" }, { value: "j2" }]);
    },
    queues: () => Promise.resolve([{ value: "nightly-queue" }]),
    batches: () => Promise.resolve([{ value: "nightly" }]),
    schedules: () => Promise.resolve([{ value: "nightly" }]),
    workers: () => Promise.resolve([{ value: "w1" }]),
    jobTypes: () => Promise.resolve([{ value: "noop" }, { value: "test_sleep" }]),
    files: (beginning) =>
      [{ value: "a.json" }, { value: "b/" }].filter((each) => each.value.startsWith(beginning)),
  };
  const candidates = await complete(line.split(" "), program, sources);
  return candidates.map((each) => each.value);
}

Deno.test("commands, flags and the values that can be counted are offered where they may stand", async () => {
  const table: [string, string[]][] = [
    ["su", ["submit"]],
    ["workers ", ["list", "show", "drain", "undrain"]],
    ["workers u", ["undrain"]],
    ["help wo", ["worker", "workers"]],
    ["submit --payl", ["--payload", "--payload-key-file"]],
    ["type pause ", ["noop", "test_sleep"]],
    ["queue set ", ["nightly-queue"]],
    ["job-", ["job-types"]],
    ["job-types ", ["list", "show"]],
    ["job-types show ", ["noop", "test_sleep"]],
    ["job-types --clu", ["--cluster"]],
    ["job-types show noop --handlers ", [":files"]],
    ["queue set nightly-queue --m", ["--max-running"]],
    ["submit --queue=", ["--queue=nightly-queue"]],
    ["exp", ["explain"]],
    ["submit --output ", ["table", "json", "yaml", "jsonl"]],
    ["submit -o j", ["json", "jsonl"]],
    ["submit --output=t", ["--output=table"]],
    ["config --role ", ["master", "worker", "client"]],
    ["config show --output y", ["yaml"]],
    ["list --status c", ["completed", "cancelled"]],
    ["workers --status d", ["draining", "disconnected"]],
    ["master --profile s", ["staging"]],
    ["completion ", ["bash", "zsh", "fish"]],
    ["schedule pause ", ["nightly"]],
    ["schedule add x --overlap r", ["replace"]],
    ["schedule add x --tz Europe/Berl", ["Europe/Berlin"]],
    ["schedule add x --run", []],
    ["master --tls ", ["true", "false"]],
    ["master --tls --jo", ["--join"]],
    ["xyzzy ", []],
    ["submit --xyzzy=a", []],
  ];
  for (const [line, expected] of table) {
    assert.deepEqual(await offered(line), expected, line);
  }
});

Deno.test("a flag that was given is offered again only if it may be given again", async () => {
  assert.deepEqual(await offered("submit --wait --wai"), ["--wait-timeout"]);
  assert.deepEqual(await offered("submit --label a=b --lab"), ["--label"]);
});

Deno.test("the value of a flag is not taken for a command", async () => {
  assert.deepEqual(await offered("list --type workers --off"), ["--offset"]);
  assert.deepEqual(await offered("list --type=workers --off"), ["--offset"]);
  assert.deepEqual(await offered("submit --payload status --wa"), [
    "--wait",
    "--wait-timeout",
  ]);
});

Deno.test("ids of jobs and workers come from the cluster that the line names", async () => {
  const asked: Flags[] = [];
  assert.deepEqual(await offered("status --addr h:1 --tls ", asked), ["true", "false"]);
  assert.deepEqual(await offered("cancel --addr h:1 --addr=h:2 j", asked), ["j1", "j2"]);
  assert.deepEqual(asked, [{ addr: ["h:1", "h:2"], command: "cancel" }]);
  assert.deepEqual(await offered("cancel j1 j"), ["j2"], "one that is named already");
  assert.deepEqual(await offered("dlq retry ", asked), ["j1", "j2"]);
  assert.equal(asked.at(-1)!.command, "dlq retry");
  assert.deepEqual(await offered("watch j1 "), [], "it takes one job");
  for (const command of ["show", "drain", "undrain"]) {
    assert.deepEqual(await offered(`workers ${command} `), ["w1"]);
  }
  assert.deepEqual(await offered("list --worker "), ["w1"]);
  assert.deepEqual(await offered("submit --type t"), ["test_sleep"]);
  assert.deepEqual(await offered("submit -t n"), ["noop"]);
});

Deno.test("files are left to the shell, but for the payload's, which have an @ before them", async () => {
  assert.deepEqual(await offered("master --config "), [":files"]);
  assert.deepEqual(await offered("worker --handlers ./h"), [":files"]);
  assert.deepEqual(await offered("submit --payload @"), ["@a.json", "@b/"]);
  assert.deepEqual(await offered("submit --payload=@a"), ["--payload=@a.json"]);
  assert.deepEqual(await offered("submit --payload x"), []);
});

Deno.test("the default command of each group is the one whose flags are completed", async () => {
  for (const group of program.commands.filter((each) => each.commands.length > 0)) {
    const values = await offered(`${group.name()} --`);
    assert.ok(values.includes("--output"), `${group.name()} has no default in complete.ts`);
  }
});
