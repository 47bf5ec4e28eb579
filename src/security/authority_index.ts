/** What an authority has issued, in a file beside it, and the list of those that it took back. */

import { join } from "node:path";
import { z } from "zod";
import { reasonOf, SecurityConfigurationError } from "./configuration_error.ts";
import { writeFileAtomically } from "./key_files.ts";

/** One certificate as the index remembers it. Times are ISO 8601, as people read them in the file. */
export interface IssuedRecord {
  /** Hexadecimal. */
  readonly serial: string;
  readonly name: string;
  readonly role: string;
  /** DNS names and IP addresses. */
  readonly sans: readonly string[];
  /** SHA-256 over the DER, lower-case hexadecimal. */
  readonly fingerprint: string;
  readonly not_before: string;
  readonly not_after: string;
  readonly cert_file: string;
  readonly key_file: string;
  readonly revoked_at?: string | undefined;
  readonly reason?: string | undefined;
}

/** Where a certificate stands at some time. */
export type IssuedState = "valid" | "ending" | "expired" | "revoked";

/** With less than this part of its life left, a certificate is called ending. */
const ENDING_PART = 1 / 4;

/** @param nowMs milliseconds since the epoch */
export function stateOf(record: IssuedRecord, nowMs: number): IssuedState {
  if (record.revoked_at !== undefined) return "revoked";
  const [fromMs, toMs] = [Date.parse(record.not_before), Date.parse(record.not_after)];
  if (nowMs >= toMs) return "expired";
  return toMs - nowMs < (toMs - fromMs) * ENDING_PART ? "ending" : "valid";
}

const FORMAT = 1;
const INDEX = z.object({
  format: z.literal(FORMAT),
  issued: z.array(z.object({
    serial: z.string(),
    name: z.string(),
    role: z.string(),
    sans: z.array(z.string()),
    fingerprint: z.string().regex(/^[0-9a-f]{64}$/),
    not_before: z.iso.datetime(),
    not_after: z.iso.datetime(),
    cert_file: z.string(),
    key_file: z.string(),
    revoked_at: z.iso.datetime().optional(),
    reason: z.string().optional(),
  })),
});

/** `index.json` and `revoked.json` in an authority's directory. */
export class AuthorityIndex {
  readonly #directory: string;
  #records: readonly IssuedRecord[];

  private constructor(directory: string, records: readonly IssuedRecord[]) {
    this.#directory = directory;
    this.#records = records;
  }

  /** @throws {SecurityConfigurationError} when the file is there and is no index */
  static async read(directory: string): Promise<AuthorityIndex> {
    const path = join(directory, "index.json");
    let text: string;
    try {
      text = await Deno.readTextFile(path);
    } catch (thrown) {
      if (thrown instanceof Deno.errors.NotFound) return new AuthorityIndex(directory, []);
      throw new SecurityConfigurationError([`cannot read "${path}": ${reasonOf(thrown)}`], {
        cause: thrown,
      });
    }
    try {
      return new AuthorityIndex(directory, INDEX.parse(JSON.parse(text)).issued);
    } catch (thrown) {
      throw new SecurityConfigurationError([
        `"${path}" is not an index of certificates of format ${FORMAT}: ${reasonOf(thrown)}`,
      ], { cause: thrown });
    }
  }

  /** Oldest first. */
  get records(): readonly IssuedRecord[] {
    return this.#records;
  }

  /** Where the list of revoked certificates is, for `security.tls.revocation_file`. */
  get revocationFile(): string {
    return join(this.#directory, "revoked.json");
  }

  async add(record: IssuedRecord): Promise<void> {
    this.#records = [...this.#records, record];
    await this.#write();
  }

  /** Marks certificates as revoked, and writes the list of all that are. */
  async revoke(fingerprints: ReadonlySet<string>, atMs: number, reason: string): Promise<void> {
    const at = new Date(atMs).toISOString();
    this.#records = this.#records.map((record) =>
      fingerprints.has(record.fingerprint) && record.revoked_at === undefined
        ? { ...record, revoked_at: at, ...(reason === "" ? {} : { reason }) }
        : record
    );
    await this.#write();
    await this.writeRevoked();
  }

  async writeRevoked(): Promise<void> {
    const revoked = this.#records.filter(({ revoked_at }) => revoked_at !== undefined)
      .map(({ fingerprint, serial, name, revoked_at, reason }) => ({
        fingerprint,
        serial,
        name,
        revoked_at,
        reason,
      }));
    await writeFileAtomically(this.revocationFile, pretty({ format: FORMAT, revoked }), 0o644);
  }

  async #write(): Promise<void> {
    const path = join(this.#directory, "index.json");
    await writeFileAtomically(path, pretty({ format: FORMAT, issued: this.#records }), 0o600);
  }
}

function pretty(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
