/**
 * The flags of `conductor type`, `conductor queue`, `conductor job-types` and `conductor explain`.
 *
 * @module
 */

import type { Command } from "commander";
import type { ScopeName } from "../rpc/mod.ts";
import { collect } from "./config_flags.ts";
import { withWatch } from "./options.ts";
import type { Flags } from "./router.ts";
import type { Terminal } from "./terminal.ts";

type Adapt = (command: Command) => Command;

export function addSettingsCommands(program: Command, terminal: Terminal, client: Adapt): void {
  client(
    withWatch(
      program.command("explain").description("why a job is where it is, and what it waits for"),
    )
      .argument("<job-id>", "the job")
      .action(async (jobId: string, flags: Flags) => {
        const { explainJob } = await import("./explain.ts");
        await explainJob(jobId, flags, terminal);
      }),
  );
  addScope(program, terminal, client, "type", "job types: pause, limit, see");
  addScope(
    program,
    terminal,
    client,
    "queue",
    "queues, which take turns by weight: pause, limit, see",
  );
}

/** Adds `job-types`, which says what jobs of each type take and hand back. */
export function addJobTypeCommands(program: Command, terminal: Terminal, client: Adapt): void {
  const group = program.command("job-types").description("the input and output of each job type");
  const adapt = (command: Command) =>
    client(
      command
        .option("--handlers <file>", "a module of custom types too (repeatable)", collect)
        .option("--cluster", "ask the cluster who offers them, and for what its workers add"),
    );
  adapt(group.command("list", { isDefault: true }).description("every type; needs no master"))
    .action(async (flags: Flags) => {
      const { listJobTypes } = await import("./job_types.ts");
      await listJobTypes(flags, terminal);
    });
  adapt(
    group.command("show").description("payload, result, limits and examples; needs no master")
      .argument("<type-name>", "the type"),
  ).action(async (name: string, flags: Flags) => {
    const { showJobType } = await import("./job_types.ts");
    await showJobType(name, flags, terminal);
  });
}

function addScope(
  program: Command,
  terminal: Terminal,
  client: Adapt,
  scope: ScopeName,
  text: string,
): void {
  const group = program.command(scope).description(text);
  const argument = `<${scope}-name>`;
  client(
    withWatch(
      group.command("list", { isDefault: true })
        .description(`every ${scope} that has unfinished jobs or settings`),
    )
      .action(async (flags: Flags) => {
        const { listStandings } = await import("./settings.ts");
        await listStandings(scope, flags, terminal);
      }),
  );
  client(
    withWatch(group.command("show").description(`how a ${scope} stands, and what is set for it`))
      .argument(argument, `the ${scope}`)
      .action(async (name: string, flags: Flags) => {
        const { showStanding } = await import("./settings.ts");
        await showStanding(scope, name, flags, terminal);
      }),
  );
  const set = client(
    group.command("set").description("limit it; running jobs go on")
      .argument(argument, `the ${scope}`)
      .option("--max-running <number>", "jobs of it that run at once; 0: any number")
      .option(
        "--rate <count/duration[:burst]>",
        "jobs of it that start, such as 10/1s, or 10/1s:1 to space them evenly; none: any",
      ),
  );
  if (scope === "queue") {
    set.option(
      "--weight <number>",
      "its share of all starts, against that of other queues: 1 to 1000",
    );
  }
  set.action(async (name: string, flags: Flags) => {
    const { setLimits } = await import("./settings.ts");
    await setLimits(scope, name, flags, terminal);
  });
  const acts = [
    ["pause", "start nothing of it until it is resumed; running jobs go on", { paused: true }],
    ["resume", "go on after a pause", { paused: false }],
    ["reset", "remove everything that was set for it, a pause included", null],
  ] as const;
  for (const [act, what, change] of acts) {
    client(
      group.command(act).description(what).argument(argument, `the ${scope}`)
        .action(async (name: string, flags: Flags) => {
          const { configure } = await import("./settings.ts");
          await configure({ scope, name, change }, flags, terminal);
        }),
    );
  }
}
