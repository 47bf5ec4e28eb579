/**
 * What a node's doors ask of the replicated state at every call: who is trusted no more, and which
 * policy holds. The state is another room's; a node's doors are put together before it is opened.
 */

import type { Warn } from "./configuration_error.ts";
import { reasonOf } from "./configuration_error.ts";
import { parsePolicies, type PolicySet } from "./rbac.ts";
import type { TokenHandle } from "./token_claims.ts";

/** The replicated state, as far as it is about trust. */
export interface Trust {
  isTokenRevoked(token: TokenHandle): boolean;
  isCertificateRevoked(fingerprint256: string): boolean;
  /** Revision 0: none has been set yet. */
  readonly policy: { readonly revision: number; readonly text: string };
}

/** Of a node without replicated state: a worker. */
export const NOTHING_REVOKED: Trust = Object.freeze({
  isTokenRevoked: () => false,
  isCertificateRevoked: () => false,
  policy: Object.freeze({ revision: 0, text: "" }),
});

/**
 * Stands for the state until it is opened, which is before a master serves. Until then nothing is
 * revoked: masters that found a cluster hear of each other before there is any state.
 */
export class TrustSource implements Trust {
  #state: (() => Trust) | undefined;

  /** From now on `state` is asked, anew each time: a snapshot replaces it as a whole. */
  bind(state: () => Trust): void {
    this.#state = state;
  }

  isTokenRevoked(token: TokenHandle): boolean {
    return this.#state?.().isTokenRevoked(token) ?? false;
  }

  isCertificateRevoked(fingerprint256: string): boolean {
    return this.#state?.().isCertificateRevoked(fingerprint256) ?? false;
  }

  get policy(): Trust["policy"] {
    return this.#state?.().policy ?? NOTHING_REVOKED.policy;
  }
}

/**
 * The policies that hold: those of the replicated state, or of this node's file as long as there are
 * none, which is until a cluster's first leader has put its file there.
 */
export class LivePolicies {
  readonly #trust: Trust;
  readonly #file: PolicySet;
  readonly #warn: Warn;
  #held: PolicySet;
  #revision = 0;

  constructor(trust: Trust, file: PolicySet, warn: Warn) {
    this.#trust = trust;
    this.#file = file;
    this.#held = file;
    this.#warn = warn;
  }

  /** Of the policies that {@linkcode current} gives; 0: the file's. */
  get revision(): number {
    void this.current;
    return this.#revision;
  }

  get current(): PolicySet {
    const { revision, text } = this.#trust.policy;
    if (revision === this.#revision) return this.#held;
    this.#revision = revision;
    this.#held = revision === 0 ? this.#file : this.#read(text, revision);
    return this.#held;
  }

  /** What this version cannot read, a newer one has set: what held before is the best that is known. */
  #read(text: string, revision: number): PolicySet {
    try {
      return parsePolicies(text, `revision ${revision} of the cluster's policy`);
    } catch (failure) {
      this.#warn(`the policy before it holds on, on this node: ${reasonOf(failure)}`);
      return this.#held;
    }
  }
}
