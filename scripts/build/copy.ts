import { join } from "node:path";

/** Copies the files of a directory, and of those below it, that `isWanted` by their names. */
export async function copy(
  from: string,
  to: string,
  isWanted: (name: string) => boolean,
): Promise<void> {
  for await (const { name, isDirectory, isFile } of Deno.readDir(from)) {
    if (isDirectory) await copy(join(from, name), join(to, name), isWanted);
    if (!isFile || !isWanted(name)) continue;
    await Deno.mkdir(to, { recursive: true });
    await Deno.copyFile(join(from, name), join(to, name));
  }
}
