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

/** Every Markdown file of the repository, as Git has it or would. */
export async function allPages(directory = ""): Promise<string[]> {
  const pages: string[] = [];
  for await (const { name, isFile, isDirectory } of Deno.readDir(new URL(directory, ROOT))) {
    if (isFile && name.endsWith(".md")) pages.push(directory + name);
    if (isDirectory && !name.startsWith(".") && !NOT_OURS.has(name)) {
      pages.push(...await allPages(`${directory}${name}/`));
    }
  }
  return pages.sort();
}

/** Directories that are made, or are others'. */
const NOT_OURS = new Set(["dist", "coverage", "node_modules"]);

/** A page's text. */
export function textOf(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, ROOT));
}
