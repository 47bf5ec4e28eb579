/**
 * Which programs jobs of type `exec` may start. A worker allows them by name, and a payload can only say
 * a name: what is started, and with which first arguments, is the worker's to say.
 *
 * @module
 */

import { isAbsolute } from "node:path";

/** By name: an absolute program, and the arguments that come before a job's own. */
export type Programs = Readonly<Record<string, readonly [program: string, ...args: string[]]>>;

/** A setting allows what cannot be started. */
export class ProgramsError extends Error {
  override name = "ProgramsError";
}

/**
 * Reads `worker.exec_commands`: by name, an absolute path, or a JSON array of one and its first
 * arguments.
 *
 * @throws ProgramsError for a path that is not absolute, or where there is no file that can be executed.
 */
export function readPrograms(written: Readonly<Record<string, string>>): Programs {
  return Object.fromEntries(
    Object.entries(written).map(([name, text]) => [name, readProgram(name, text)]),
  );
}

function readProgram(name: string, text: string): readonly [string, ...string[]] {
  const [program, ...args] = text.trimStart().startsWith("[") ? readList(name, text) : [text];
  if (program === undefined || !isAbsolute(program)) {
    throw new ProgramsError(
      `the command ${name} is ${JSON.stringify(text)}; it must be an absolute path, or a JSON ` +
        'array of one and its first arguments, such as ["/usr/bin/python3","/srv/report.py"]',
    );
  }
  requireExecutable(name, program);
  return [program, ...args];
}

function readList(name: string, text: string): string[] {
  try {
    const list: unknown = JSON.parse(text);
    if (Array.isArray(list) && list.every((each) => typeof each === "string")) return list;
  } catch {
    // Told like any other list that is none.
  }
  throw new ProgramsError(
    `the command ${name} is ${JSON.stringify(text)}, which is no JSON array of texts`,
  );
}

function requireExecutable(name: string, program: string): void {
  let info: Deno.FileInfo;
  try {
    info = Deno.statSync(program);
  } catch (cause) {
    throw new ProgramsError(`the command ${name} is ${program}, which cannot be found`, { cause });
  }
  const isExecutable = info.isFile && (info.mode === null || (info.mode & 0o111) !== 0);
  if (!isExecutable) {
    throw new ProgramsError(`the command ${name} is ${program}, which cannot be executed`);
  }
}
