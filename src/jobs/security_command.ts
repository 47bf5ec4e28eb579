/**
 * What can be asked of the replicated state about who is trusted; part of `command.ts`.
 *
 * That is here, and not in a room of its own, because it is the same truth: one log, one order with
 * the jobs that a caller submits, one store, one snapshot. What tokens and policies mean is not known
 * here: ids and texts are compared and kept, no more.
 *
 * @module
 */

import type { Stamped } from "./command.ts";

export type SecurityCommand =
  | RevokeCommand
  | RotateTokenCommand
  | UseTokenCommand
  | SetPolicyCommand;

export const REVOKED_KINDS = ["token", "subject", "family", "certificate"] as const;

/**
 * What is trusted no more: one token by its `jti`, all tokens of a subject that were issued until
 * now, all that came from one refresh token, or a certificate by its SHA-256 fingerprint.
 */
export type RevokedKind = (typeof REVOKED_KINDS)[number];

/** Something that is to be trusted no more. */
export interface RevocationSpec {
  readonly what: RevokedKind;
  readonly id: string;
  /** When what it names has ended anyway, so that it may be forgotten; 0: never. */
  readonly untilMs: number;
}

/** Something that is trusted no more. */
export interface Revocation extends RevocationSpec {
  /** Of a subject: tokens issued at that time or before, ms since the epoch. */
  readonly atMs: number;
  /** Principal that asked. */
  readonly by: string;
  readonly reason: string;
}

export interface RevokeCommand extends Stamped {
  readonly kind: "revoke";
  readonly revocations: readonly RevocationSpec[];
  readonly by: string;
  readonly reason: string;
}

export type RevokeOutcome =
  /** `changed`: how many were trusted before, or are not trusted for longer now. */
  | { readonly kind: "revoke"; readonly status: "done"; readonly changed: number }
  | {
    readonly kind: "revoke";
    readonly status: "refused";
    readonly reason: "invalid" | "too_many";
    readonly message: string;
  };

/**
 * A refresh token is used: the next generation of its family takes its place. A family is unknown
 * until its first token, of generation 0, is used.
 */
export interface RotateTokenCommand extends Stamped {
  readonly kind: "rotate_token";
  readonly family: string;
  readonly subject: string;
  /** Of the token that is presented. */
  readonly generation: number;
  /**
   * Of what the client sends again when an answer was lost, so that this is no reuse; "" when it
   * would not.
   */
  readonly requestDigest: string;
  /** When the token that takes its place has ended. */
  readonly untilMs: number;
}

export type RotateTokenOutcome =
  /** `generation`: of the token that is to be issued. `repeated`: as was said before. */
  | {
    readonly kind: "rotate_token";
    readonly status: "rotated";
    readonly generation: number;
    readonly repeated: boolean;
  }
  | {
    readonly kind: "rotate_token";
    readonly status: "refused";
    /** `reused`: somebody has used it before, so the family is revoked by this. */
    readonly reason: "invalid" | "revoked" | "reused" | "too_many";
    readonly message: string;
  };

/** A token that opens a door once is used. */
export interface UseTokenCommand extends Stamped {
  readonly kind: "use_token";
  readonly tokenId: string;
  /** Who uses it: the same one may ask again, since an answer can be lost. */
  readonly usedBy: string;
  /** When the token has ended. */
  readonly untilMs: number;
}

export type UseTokenOutcome =
  | { readonly kind: "use_token"; readonly status: "used"; readonly repeated: boolean }
  | {
    readonly kind: "use_token";
    readonly status: "refused";
    readonly reason: "invalid" | "used" | "revoked" | "too_many";
    readonly message: string;
  };

/** Who may do what, from now on. */
export interface SetPolicyCommand extends Stamped {
  readonly kind: "set_policy";
  /** Checked by the leader; every replica reads the same. */
  readonly text: string;
  /** Refuse if another revision holds; 0: if any has been set. */
  readonly expectedRevision: number;
  readonly by: string;
}

/** The policy that holds. */
export interface PolicyState {
  /** From 1, and one more with every change; 0: none has been set. */
  readonly revision: number;
  readonly text: string;
  readonly by: string;
  readonly atMs: number;
}

export type SetPolicyOutcome =
  | { readonly kind: "set_policy"; readonly status: "done"; readonly revision: number }
  | {
    readonly kind: "set_policy";
    readonly status: "refused";
    readonly reason: "invalid" | "stale";
    /** That holds. */
    readonly revision: number;
    readonly message: string;
  };

/** Bounds of what is kept. */
export const SECURITY_LIMITS = {
  /** Revocations, families of refresh tokens, and tokens that were used: of each. */
  entriesMax: 100_000,
  revocationsPerCommandMax: 1000,
  idCharactersMax: 256,
  reasonCharactersMax: 500,
  policyCharactersMax: 256 * 1024,
} as const;
