/**
 * Programs of Prometheus' that tests hold this one against, where they are installed.
 *
 * @module
 */

/** Whether there is such a program; says so on stderr if not, for what is then left out. */
export async function hasProgram(name: string): Promise<boolean> {
  const { code } = await run("sh", ["-c", `command -v ${name}`]);
  if (code !== 0) {
    console.error(`not installed: ${name} (Debian's package prometheus); its tests are left out`);
  }
  return code === 0;
}

/** What a program said and how it ended. */
export interface Ended {
  readonly code: number;
  /** Of both of its streams. */
  readonly output: string;
}

/** Runs a program to its end. */
export async function run(
  program: string,
  args: readonly string[],
  { cwd, stdin }: { readonly cwd?: string; readonly stdin?: string } = {},
): Promise<Ended> {
  const child = new Deno.Command(program, {
    args: [...args],
    ...(cwd === undefined ? {} : { cwd }),
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (stdin !== undefined) await new Blob([stdin]).stream().pipeTo(child.stdin);
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}
