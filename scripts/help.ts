/**
 * `deno task help`: every task of deno.json with its sentence.
 *
 * @module
 */

interface Task {
  readonly description: string;
}

const source = await Deno.readTextFile(new URL("../deno.json", import.meta.url));
const { tasks } = JSON.parse(source) as { tasks: Record<string, Task> };
const width = Math.max(...Object.keys(tasks).map((name) => name.length));
console.log("deno task NAME\n");
for (const [name, { description }] of Object.entries(tasks)) {
  console.log(`  ${name.padEnd(width)}  ${description}`);
}
