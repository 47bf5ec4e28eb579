/** One of the three profiles; the further right, the less is let pass. */
export type SecurityProfile = "development" | "staging" | "production";

/** Receives a sentence that the operator should read; the room itself knows no logger. */
export type Warn = (message: string) => void;

/**
 * The security settings, or the files they name, cannot be used as they are. Thrown at start, never
 * while serving. The message lists every fault found, one a line.
 */
export class SecurityConfigurationError extends Error {
  override name = "SecurityConfigurationError";
  /** Each fault as one sentence that names the key or file and what to do. */
  readonly faults: readonly string[];

  constructor(faults: readonly string[], options?: ErrorOptions) {
    super(faults.join("\n"), options);
    this.faults = faults;
  }
}

/** The reason inside whatever was thrown, for the end of a sentence. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
