import {
  reasonOf,
  SecurityConfigurationError,
  type SecurityProfile,
  type Warn,
} from "./configuration_error.ts";
import { exposedMode } from "./secret_mode.ts";

/** How strictly the permissions of a secret file are taken. */
export interface SecretFileRules {
  readonly profile: SecurityProfile;
  readonly warn: Warn;
}

/**
 * Reads a public text file (a certificate, a policy).
 *
 * @param what names the key for the message, as in `security.tls.cert_file`
 * @throws {SecurityConfigurationError} naming the file, when it cannot be read
 */
export async function readPublicFile(path: string, what: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (thrown) {
    throw cannotRead(path, what, thrown);
  }
}

/**
 * Reads a secret text file, and looks at who else may read it: staging and production refuse a file
 * that its group or others can open, development warns. Where the system has no such modes
 * (Windows) nothing is checked.
 *
 * @throws {SecurityConfigurationError} naming the file, when it cannot be read or is not private
 */
export async function readSecretFile(
  path: string,
  what: string,
  rules: SecretFileRules,
): Promise<string> {
  let exposed: string | undefined;
  let text: string;
  try {
    // The mode is taken from the opened file, so that it is the mode of what is read.
    using file = await Deno.open(path, { read: true });
    exposed = exposedMode(await file.stat(), Deno.uid());
    text = await new Response(file.readable).text();
  } catch (thrown) {
    throw cannotRead(path, what, thrown);
  }
  if (exposed !== undefined) {
    const fault =
      `${what}: "${path}" can be read by others than its owner (mode ${exposed}): run chmod 600 ` +
      `"${path}"`;
    if (rules.profile !== "development") throw new SecurityConfigurationError([fault]);
    rules.warn(fault);
  }
  return text;
}

function cannotRead(path: string, what: string, thrown: unknown): SecurityConfigurationError {
  const reason = thrown instanceof Deno.errors.NotFound
    ? "there is no such file"
    : thrown instanceof Deno.errors.PermissionDenied
    ? `this user may not read it (${reasonOf(thrown)})`
    : reasonOf(thrown);
  return new SecurityConfigurationError([`${what}: cannot read "${path}": ${reason}`], {
    cause: thrown,
  });
}

/**
 * Writes a file so that a reader sees the old content or the whole new one: a temporary file beside
 * it, synced, then renamed over it.
 *
 * @param mode of the file, whatever the umask
 */
export async function writeFileAtomically(
  path: string,
  text: string,
  mode: number,
): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    {
      using file = await Deno.open(temporary, { write: true, createNew: true, mode });
      const writer = new TextEncoder().encode(text);
      for (let written = 0; written < writer.length;) {
        written += await file.write(writer.subarray(written));
      }
      await file.sync();
    }
    if (Deno.build.os !== "windows") await Deno.chmod(temporary, mode);
    await Deno.rename(temporary, path);
  } catch (thrown) {
    await Deno.remove(temporary).catch(() => {
      // It may never have been created; the first failure is the one to report.
    });
    throw thrown;
  }
}

/** Whether a file is there, without reading it. */
export async function fileExists(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return false;
    throw thrown;
  }
}
