/**
 * The pages of prose: which there are.
 *
 * @module
 */

export const ROOT = new URL("../../", import.meta.url);

/** Pages with commands, by their paths in the repository: README.md and what stands in docs/ itself. */
export async function prosePages(): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isFile } of Deno.readDir(new URL("docs/", ROOT))) {
    if (isFile && name.endsWith(".md")) names.push(`docs/${name}`);
  }
  return ["README.md", ...names.sort()];
}

/** A page's text. */
export function textOf(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, ROOT));
}
