/** A list of revoked certificates in a file, as `conductor certs revoke` writes it or a person does. */

import { z } from "zod";
import { reasonOf, SecurityConfigurationError } from "./configuration_error.ts";
import { readPublicFile } from "./key_files.ts";

const LIST = z.object({
  format: z.literal(1),
  revoked: z.array(z.object({ fingerprint: z.string() })),
});

/**
 * Fingerprints that are no longer accepted: those of a file, which may be read anew, and those that
 * are known from elsewhere.
 */
export class Revocations {
  readonly #file: string;
  readonly #section: string;
  readonly #elsewhere: { has(fingerprint256: string): boolean } | undefined;
  #listed: ReadonlySet<string> = new Set();

  /**
   * @param file `security.tls.revocation_file`; empty: none
   * @param elsewhere asked too, as for what the cluster has agreed on
   */
  constructor(
    file: string,
    elsewhere?: { has(fingerprint256: string): boolean },
    section = "security.tls",
  ) {
    this.#file = file;
    this.#section = section;
    this.#elsewhere = elsewhere;
  }

  /** How many the file lists. */
  get listed(): number {
    return this.#listed.size;
  }

  get files(): readonly string[] {
    return this.#file === "" ? [] : [this.#file];
  }

  /** @param fingerprint256 SHA-256 over the DER, lower-case hexadecimal */
  has(fingerprint256: string): boolean {
    return this.#listed.has(fingerprint256) || this.#elsewhere?.has(fingerprint256) === true;
  }

  /**
   * Reads the file; a bad one changes nothing.
   *
   * @throws {SecurityConfigurationError} naming the file and what is wrong with it
   */
  async reload(): Promise<void> {
    if (this.#file === "") return;
    const what = `${this.#section}.revocation_file`;
    const text = await readPublicFile(this.#file, what);
    this.#listed = parseRevocations(text, `${what}: "${this.#file}"`);
  }
}

/**
 * Reads a list: JSON as `conductor certs revoke` writes it, or one fingerprint a line, with or without
 * colons, `#` before what is a comment.
 *
 * @param origin names the file for messages
 * @throws {SecurityConfigurationError} when anything in it is no fingerprint: a list that is half
 * understood would let somebody in
 */
export function parseRevocations(text: string, origin: string): ReadonlySet<string> {
  const written = text.trimStart().startsWith("{")
    ? fingerprintsOfJson(text, origin)
    : text.split("\n").map((line) => line.replace(/#.*/, "").trim()).filter((line) => line !== "");
  const fingerprints = written.map((each) => each.replaceAll(":", "").toLowerCase());
  const bad = fingerprints.findIndex((each) => !/^[0-9a-f]{64}$/.test(each));
  if (bad >= 0) {
    throw new SecurityConfigurationError([
      `${origin}: ${
        JSON.stringify(written[bad])
      } is no SHA-256 fingerprint (64 hexadecimal digits)`,
    ]);
  }
  return new Set(fingerprints);
}

function fingerprintsOfJson(text: string, origin: string): string[] {
  try {
    return LIST.parse(JSON.parse(text)).revoked.map(({ fingerprint }) => fingerprint);
  } catch (thrown) {
    throw new SecurityConfigurationError([
      `${origin} is no list of revoked certificates of format 1: ${reasonOf(thrown)}`,
    ], { cause: thrown });
  }
}
