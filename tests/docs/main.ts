/**
 * `deno task test:docs [PAGE...]`: runs every command of README.md and docs/*.md, and compares what comes
 * with what is shown. `--write` puts what came in the place of what was shown, to be read and shortened.
 *
 * @module
 */

import { readPage } from "./page.ts";
import { prosePages, ROOT, textOf } from "./pages.ts";
import { canRunPages, type Difference, runPage } from "./run.ts";

const asked = Deno.args.filter((each) => !each.startsWith("--"));
const isWriting = Deno.args.includes("--write");

if (!await canRunPages()) {
  console.error(
    "test:docs: needs Linux with unshare (as root, or with user namespaces), ip, script, curl, jq and node",
  );
  Deno.exit(2);
}
let wrong = 0;
for (const path of asked.length > 0 ? asked : await prosePages()) wrong += await check(path);
Deno.exit(wrong === 0 ? 0 : 1);

/** How much of a page is not as it says. */
async function check(path: string): Promise<number> {
  const text = await textOf(path);
  const page = readPage(text);
  const begun = performance.now();
  const count = page.steps.filter(({ kind }) => kind !== "file").length;
  const differences = count === 0 ? [] : await runPage(page);
  const seconds = ((performance.now() - begun) / 1000).toFixed(0);
  console.log(
    `${path}: ${count} commands in ${seconds} s, ${differences.length} not as shown; ` +
      `${page.notRun.length} blocks not run`,
  );
  for (const reason of page.notRun) console.log(`  not run: ${reason}`);
  for (const fault of page.faults) console.log(`  ${fault}`);
  if (isWriting) await Deno.writeTextFile(new URL(path, ROOT), withAnswers(text, differences));
  else for (const each of differences) console.log(told(each));
  return differences.length + page.faults.length;
}

function told({ session, answer }: Difference): string {
  const block = (
    name: string,
    lines: readonly string[],
  ) => [`  ${name}:`, ...lines.map((line) => `    ${line}`)];
  return [
    `  line ${session.outputAt}: $ ${session.command}`,
    ...block("shown", session.output),
    ...block("came", answer),
  ].join("\n");
}

function withAnswers(text: string, differences: readonly Difference[]): string {
  const lines = text.split("\n");
  for (const { session, answer } of differences.toReversed()) {
    lines.splice(session.outputAt, session.output.length, ...answer);
  }
  return lines.join("\n");
}
