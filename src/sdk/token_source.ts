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

  /** @throws TypeError when both are given, and for what can be no token */
  constructor({ token, tokenFile }: TokenOptions) {
    if (token !== undefined && tokenFile !== undefined) {
      throw new TypeError("token and tokenFile are both set; set one of them");
    }
    this.#provider = typeof token === "function" ? token : undefined;
    this.#last = typeof token === "string" ? presentable(token) : undefined;
    this.#file = tokenFile;
  }

  /** Whether it must be asked for: {@linkcode refresh} before each use. */
  get isAsked(): boolean {
    return this.#provider !== undefined;
  }

  /** What to present now. @throws Error when the file cannot be read; TypeError for what can be no token */
  get current(): string | undefined {
    if (this.#file === undefined) return this.#last;
    return presentable(this.#read(this.#file));
  }

  #read(file: string): string {
    try {
      return readFileSync(file, "utf8");
    } catch (cause) {
      const why = (cause as Error).message;
      throw new Error(`cannot read the token file ${file}: ${why}`, { cause });
    }
  }

  /** Asks the program's own function, if it gave one. */
  async refresh(): Promise<void> {
    if (this.#provider !== undefined) this.#last = presentable(await this.#provider());
  }
}

/**
 * A token as it can be sent. What cannot would be refused where it is sent, by a message that tells it to
 * every log.
 */
function presentable<Token extends string | undefined>(token: Token): string | Token {
  if (token === undefined) return token;
  const text = token.trim();
  const at = text.search(/[^ -~]/);
  if (at === -1) return text;
  throw new TypeError(
    `character ${
      at + 1
    } of the token is none that tokens have: give the token alone, as it was issued`,
  );
}
