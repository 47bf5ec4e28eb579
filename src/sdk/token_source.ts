/**
 * Where the token comes from that a program presents to its cluster.
 *
 * @module
 */

import { readFileSync } from "node:fs";

/** What of the options is about tokens. */
export interface TokenOptions {
  readonly token?: string | (() => string | Promise<string>);
  readonly tokenFile?: string;
}

export class TokenSource {
  readonly #provider: (() => string | Promise<string>) | undefined;
  readonly #file: string | undefined;
  #last: string | undefined;

  /** @throws TypeError when both are given */
  constructor({ token, tokenFile }: TokenOptions) {
    if (token !== undefined && tokenFile !== undefined) {
      throw new TypeError("token and tokenFile are both set; set one of them");
    }
    this.#provider = typeof token === "function" ? token : undefined;
    this.#last = typeof token === "string" ? token : undefined;
    this.#file = tokenFile;
  }

  /** Whether it must be asked for: {@linkcode refresh} before each use. */
  get isAsked(): boolean {
    return this.#provider !== undefined;
  }

  /** What to present now. @throws Error when the file cannot be read */
  get current(): string | undefined {
    if (this.#file === undefined) return this.#last;
    try {
      return readFileSync(this.#file, "utf8").trim();
    } catch (cause) {
      const why = (cause as Error).message;
      throw new Error(`cannot read the token file ${this.#file}: ${why}`, { cause });
    }
  }

  /** Asks the program's own function, if it gave one. */
  async refresh(): Promise<void> {
    if (this.#provider !== undefined) this.#last = await this.#provider();
  }
}
