/**
 * `deno task secure-demo`: from nothing to three masters and two workers in the production profile on
 * loopback, with mutual TLS, tokens and roles; then what each user may do and nobody else, with the
 * audit lines. Exits with 1 when anything is not as it should be. Everything is stopped and removed at
 * the end, whatever happened.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import colors from "picocolors";
import { untilInterrupted } from "../tests/ha/interrupt.ts";
import { conductorCommand } from "./demo/cluster.ts";
import { ACTS, tryEverything } from "./secure_demo/acts.ts";
import { Program } from "./secure_demo/program.ts";
import { setUp, USERS } from "./secure_demo/setup.ts";
import { tryStrangers } from "./secure_demo/strangers.ts";
import { linesOf, shortened } from "./secure_demo/trail.ts";
import { type Cell, columns, isRight, tableOf } from "./secure_demo/verdict.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const style = colors.createColors(
  Deno.stdout.isTerminal() && (Deno.env.get("NO_COLOR") ?? "") === "",
);
const say = (line: string) => console.log(line);
const heading = (line: string) => say(`\n${style.bold(line)}`);

async function demo(program: Program): Promise<boolean> {
  heading("1. From nothing to a cluster");
  const cluster = await setUp(program, (line) => say(style.dim(line)));
  const { leader, follower } = cluster;
  say((await program.done(["cluster", "members"], "alice.yaml")).trimEnd());
  say((await program.done(["workers"], "alice.yaml")).trimEnd());

  const places = `asked of the leader ${leader.name} and of the follower ${follower.name} in turn`;
  heading(`2. Who may do what, ${places}`);
  const cells = await tryEverything(program, cluster);
  const users = USERS.map(({ name, role }) => ({ name, label: `${name} (${role})` }));
  const labelled = cells.map((cell) => ({
    ...cell,
    who: users.find(({ name }) => name === cell.who)?.label ?? cell.who,
  }));
  tableOf(labelled, ACTS.map(({ title }) => title), users.map(({ label }) => label)).forEach(say);

  heading(`3. Who does not get in, ${places}`);
  const strangers = await tryStrangers(program, cluster);
  columns(
    strangers.map(({ who, node, message }) => [
      who,
      node,
      message.replace(/^conductor: /, "").replace(/^no master .* connected to: (.*)\); .*/, "$1"),
    ]),
  ).forEach(say);

  heading("4. What the masters' audit logs have of it");
  const refused = [
    ...cells.filter(({ expected }) => expected === "role").map(({ who, node, message }) => ({
      node,
      userId: who,
      words: message.replace(/^conductor: /, ""),
    })),
    ...strangers.filter(({ expected }) => expected === "unknown" || expected === "role"),
  ];
  const lines = await linesOf(program, refused);
  for (const [index, line] of lines.entries()) {
    if (line !== undefined) say(`${refused[index]?.node}  ${shortened(line)}`);
  }
  const found = lines.filter((line) => line !== undefined).length;
  say(`${refused.length} refusals; ${found} have their line on the node that was asked.`);
  for (const { name } of cluster.masters) {
    say(style.dim(`$ conductor audit verify ${name}.audit.log`));
    say((await program.done(["audit", "verify", `${name}.audit.log`])).trimEnd());
  }

  const wrong = [...cells, ...strangers].filter((cell) => !isRight(cell));
  if (wrong.length > 0) heading("What is not as it should be");
  wrong.forEach((cell) => say(`  ${style.red("✗")} ${differenceOf(cell)}`));
  const count = cells.length + strangers.length;
  say(`\n${count} tries, ${count - wrong.length} as they should be.`);
  for (const [index, line] of lines.entries()) {
    if (line === undefined) {
      say(`  ${style.red("✗")} not audited: ${JSON.stringify(refused[index])}`);
    }
  }
  return wrong.length === 0 && found === refused.length;
}

function differenceOf({ who, act, node, expected, seen, message }: Cell): string {
  return `${who}, ${act || "list jobs"} on ${node}: expected ${expected}, seen ${seen}: ${message}`;
}

if (import.meta.main) {
  const startedMs = performance.now();
  const position = Deno.args.indexOf("--binary");
  const binary = position < 0 ? undefined : Deno.args[position + 1];
  const directory = await Deno.makeTempDir({ prefix: "conductor-secure-" });
  const program = new Program(conductorCommand(ROOT, binary), directory);
  const isRight = await untilInterrupted(() => demo(program), async () => {
    await program.stop();
    await Deno.remove(directory, { recursive: true });
  });
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0);
  say(
    isRight
      ? `${style.green("Everybody could do what they may, and nobody else")}; ` +
        `everything was stopped after ${seconds} s.`
      : `${style.red("Not everything was as it should be")} (${seconds} s).`,
  );
  Deno.exit(isRight ? 0 : 1);
}
