/**
 * The keys of `security.jwt.*` as they are read at start, and again when they are rolled.
 */

import { SecurityConfigurationError } from "./configuration_error.ts";
import { readSecretFile, type SecretFileRules } from "./key_files.ts";
import { readPrivateKey } from "./token_keys.ts";

/** Where a node's own keys for tokens are. Empty strings mean "not set". */
export interface TokenKeyPlaces {
  readonly secretKey: string;
  /** File with such secrets, one a line: the first signs, all verify. */
  readonly secretKeyFile: string;
  readonly privateKeyPath: string;
}

/** What is read from them. */
export interface TokenKeyMaterial {
  /** The first signs; "" when there is none. */
  readonly secret: string;
  /** They only verify. */
  readonly olderSecrets: readonly string[];
  readonly privateKeyPem?: string;
}

/**
 * Reads them.
 *
 * @throws {SecurityConfigurationError} when a file cannot be read or is open to others, holds no
 * secret, or secrets are given in two places
 */
export async function readTokenKeys(
  { secretKey, secretKeyFile, privateKeyPath }: TokenKeyPlaces,
  rules: SecretFileRules,
): Promise<TokenKeyMaterial> {
  if (secretKey !== "" && secretKeyFile !== "") {
    throw new SecurityConfigurationError([
      "security.jwt.secret_key and security.jwt.secret_key_file are both set: keep one of them",
    ]);
  }
  const own = await readPrivateKey(privateKeyPath, rules);
  if (secretKeyFile === "") return { secret: secretKey, olderSecrets: [], ...own };
  const what = "security.jwt.secret_key_file";
  const text = await readSecretFile(secretKeyFile, what, rules);
  const [secret, ...olderSecrets] = text.split(/\r?\n/).map((line) => line.trim())
    .filter((line) => line !== "");
  if (secret === undefined) {
    throw new SecurityConfigurationError([`${what}: "${secretKeyFile}" holds no secret`]);
  }
  return { secret, olderSecrets, ...own };
}
