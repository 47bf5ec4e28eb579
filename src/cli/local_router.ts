/**
 * The commands that need neither a cluster nor a master's files.
 *
 * @module
 */

import { Argument, type Command, Option } from "commander";
import { addConfigFlags } from "./config_flags.ts";
import type { ManParts } from "./man_page.ts";
import { withOutput } from "./options.ts";
import type { Flags } from "./router.ts";
import type { Terminal } from "./terminal.ts";

/** Adds `config`, `health`, `version`, `completion` and `man`. */
export function addLocalCommands(program: Command, terminal: Terminal, parts: ManParts): void {
  const config = program.command("config").description("the configuration");
  withOutput(
    addConfigFlags(
      config.command("show", { isDefault: true }).description(
        "the effective configuration with the source of each value, secrets masked",
      ),
      "master",
    ),
  )
    .addOption(
      new Option("-r, --role <role>", "whose configuration").choices([
        "master",
        "worker",
        "client",
      ]).default("master"),
    )
    .action(async (flags: Flags) => {
      const { showConfig } = await import("./config.ts");
      showConfig(flags, terminal);
    });
  addConfigFlags(
    withOutput(
      program.command("health").description(
        "whether the node on this host is ready; exit 1 if not",
      ),
    ),
    "master",
  )
    .addOption(
      new Option("-r, --role <role>", "which node").choices(["master", "worker"]).default("master"),
    )
    .option("--live", "only whether it answers")
    .option("--url <url>", "ask this page instead of the one that the configuration means")
    .option("--timeout <duration>", "wait no longer for the answer", "3s")
    .action(async (flags: Flags) => {
      const { health } = await import("./health.ts");
      await health(flags, terminal);
    });
  withOutput(
    program.command("version").description(
      "the version, the commit it was built from, the runtime",
    ),
  ).action(async (flags: Flags) => {
    const { showVersion } = await import("./show_version.ts");
    showVersion(flags, terminal);
  });
  program.command("completion").description("a completion script for your shell")
    .addHelpText("after", COMPLETION_HELP)
    .addArgument(shellArgument())
    .action(async (shell: string) => {
      const { completionScript } = await import("./completion.ts");
      terminal.out.write(completionScript(shell));
    });
  program.command("man").description("manual pages, in roff")
    .argument("[command...]", "whose page; without it: conductor's own")
    .option("--directory <directory>", "write every page there, such as /usr/local/share/man/man1")
    .action(async (words: string[], flags: Flags) => {
      const { printManual } = await import("./man.ts");
      printManual(words, flags, { program, parts }, terminal);
    });
}

const COMPLETION_HELP = `
bash:  eval "$(conductor completion bash)"       in ~/.bashrc
zsh:   eval "$(conductor completion zsh)"        in ~/.zshrc, after compinit
fish:  conductor completion fish | source        in ~/.config/fish/config.fish

It completes commands, flags, their values, and the ids of jobs and workers if a
master answers.`;

function shellArgument(): Argument {
  const argument = new Argument("<shell>", "bash, zsh or fish");
  argument.argChoices = ["bash", "zsh", "fish"];
  return argument;
}
