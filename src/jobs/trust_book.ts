import { type HeapItem, IndexedHeap } from "./heap.ts";
import type { RecordSet } from "./record_set.ts";
import type { PolicyState, Revocation, RevokedKind } from "./security_command.ts";
import type { RecordValue } from "./store.ts";

/** Kinds of records. */
const REVOCATION = "revocation";
const FAMILY = "token_family";
const USED = "used_token";
const POLICY = "policy";

/** A family of refresh tokens: all that came from one, each in the place of the one before. */
export interface TokenFamily {
  readonly id: string;
  readonly subject: string;
  /** Of the only token of it that may be used. */
  readonly generation: number;
  /** Of the request that made it; see `RotateTokenCommand`. */
  readonly requestDigest: string;
  readonly untilMs: number;
}

/** A token that opened a door once. */
export interface UsedToken {
  readonly id: string;
  readonly usedBy: string;
  readonly untilMs: number;
}

/** What is asked of a token at every call, whatever else it says. */
export interface TokenFacts {
  readonly subject: string;
  /** `jti` */
  readonly tokenId?: string;
  /** Family of refresh tokens that it came from. */
  readonly family?: string;
  /** Ms since the epoch; a token that does not say was issued before any revocation. */
  readonly issuedAtMs?: number;
}

const NO_POLICY: PolicyState = Object.freeze({ revision: 0, text: "", by: "", atMs: 0 });

/** What may be asked from outside. */
export type TrustView = Pick<
  TrustBook,
  "policy" | "isTokenRevoked" | "isCertificateRevoked" | "revocations" | "sizes"
>;

/**
 * Who is trusted no more, which tokens have been used, and the policy: in memory as a whole, and
 * among the small records. What has ended by itself is forgotten as replicated time passes.
 */
export class TrustBook {
  readonly #records: RecordSet;
  readonly #revocations = new Map<string, Revocation>();
  readonly #families = new Map<string, TokenFamily>();
  readonly #used = new Map<string, UsedToken>();
  /** The record that ends first, by time and then by name, is first. */
  readonly #ends = new IndexedHeap<End>((a, b) =>
    a.untilMs !== b.untilMs ? a.untilMs < b.untilMs : a.name < b.name
  );
  readonly #endOf = new Map<string, End>();
  #policy: PolicyState = NO_POLICY;

  constructor(records: RecordSet) {
    this.#records = records;
    for (const { key, value } of records.ofKind(REVOCATION)) {
      const revocation = value as unknown as Revocation;
      this.#revocations.set(key, revocation);
      this.#endsAt(REVOCATION, key, revocation.untilMs);
    }
    for (const { key, value } of records.ofKind(FAMILY)) {
      const family = value as unknown as TokenFamily;
      this.#families.set(key, family);
      this.#endsAt(FAMILY, key, family.untilMs);
    }
    for (const { key, value } of records.ofKind(USED)) {
      const used = value as unknown as UsedToken;
      this.#used.set(key, used);
      this.#endsAt(USED, key, used.untilMs);
    }
    for (const { value } of records.ofKind(POLICY)) this.#policy = value as unknown as PolicyState;
  }

  get sizes(): { readonly revocations: number; readonly families: number; readonly used: number } {
    return {
      revocations: this.#revocations.size,
      families: this.#families.size,
      used: this.#used.size,
    };
  }

  get policy(): PolicyState {
    return this.#policy;
  }

  /** Whether a token is trusted no more: itself, its family, or all that its subject had. */
  isTokenRevoked({ subject, tokenId, family, issuedAtMs = 0 }: TokenFacts): boolean {
    if (this.#revocations.size === 0) return false;
    if (tokenId !== undefined && this.revocation("token", tokenId) !== undefined) return true;
    if (family !== undefined && this.revocation("family", family) !== undefined) return true;
    const ofSubject = this.revocation("subject", subject);
    return ofSubject !== undefined && issuedAtMs <= ofSubject.atMs;
  }

  isCertificateRevoked(fingerprint256: string): boolean {
    return this.revocation("certificate", fingerprint256) !== undefined;
  }

  revocation(what: RevokedKind, id: string): Revocation | undefined {
    return this.#revocations.get(keyOf(what, id));
  }

  /** All of them, the latest first. */
  revocations(): Revocation[] {
    return [...this.#revocations.values()].sort((a, b) =>
      a.atMs !== b.atMs ? b.atMs - a.atMs : keyOf(a.what, a.id) < keyOf(b.what, b.id) ? -1 : 1
    );
  }

  family(id: string): TokenFamily | undefined {
    return this.#families.get(id);
  }

  used(tokenId: string): UsedToken | undefined {
    return this.#used.get(tokenId);
  }

  revoke(revocation: Revocation): void {
    const key = keyOf(revocation.what, revocation.id);
    this.#revocations.set(key, revocation);
    this.#keep(REVOCATION, key, revocation.untilMs, { ...revocation });
  }

  rotate(family: TokenFamily): void {
    this.#families.set(family.id, family);
    this.#keep(FAMILY, family.id, family.untilMs, { ...family });
  }

  use(used: UsedToken): void {
    this.#used.set(used.id, used);
    this.#keep(USED, used.id, used.untilMs, { ...used });
  }

  setPolicy(policy: PolicyState): void {
    this.#policy = policy;
    this.#records.put(POLICY, "", { ...policy });
  }

  /** Forgets at most `limit` records of what has ended by `nowMs`, the first that ended first. */
  forgetEnded(nowMs: number, limit: number): void {
    for (let forgotten = 0; forgotten < limit; forgotten++) {
      const end = this.#ends.peek();
      if (end === undefined || end.untilMs > nowMs) return;
      this.#ends.remove(end);
      this.#endOf.delete(end.name);
      this.#records.remove(end.kind, end.key);
      this.#bookOf(end.kind).delete(end.key);
    }
  }

  #bookOf(kind: string): Map<string, unknown> {
    return kind === REVOCATION ? this.#revocations : kind === FAMILY ? this.#families : this.#used;
  }

  #keep(kind: string, key: string, untilMs: number, value: RecordValue): void {
    this.#records.put(kind, key, value);
    this.#endsAt(kind, key, untilMs);
  }

  /** 0: never. */
  #endsAt(kind: string, key: string, untilMs: number): void {
    const name = `${kind}\n${key}`;
    const before = this.#endOf.get(name);
    if (before !== undefined) {
      this.#ends.remove(before);
      this.#endOf.delete(name);
    }
    if (untilMs === 0) return;
    const end = { kind, key, name, untilMs, heapIndex: -1 };
    this.#ends.push(end);
    this.#endOf.set(name, end);
  }
}

interface End extends HeapItem {
  readonly kind: string;
  readonly key: string;
  readonly name: string;
  readonly untilMs: number;
}

function keyOf(what: RevokedKind, id: string): string {
  return `${what}\n${id}`;
}
