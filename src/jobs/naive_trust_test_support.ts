/**
 * Trust as one would write it in an afternoon: a list of everything that was ever said, looked through
 * whenever it is asked.
 *
 * @module
 */

import type { RevocationSpec, SecurityCommand } from "./security_command.ts";

interface NaiveRevocation extends RevocationSpec {
  readonly atMs: number;
}

export class NaiveTrust {
  revocations: NaiveRevocation[] = [];
  families: { id: string; generation: number; digest: string; untilMs: number }[] = [];
  used: { id: string; by: string; untilMs: number }[] = [];
  policies: string[] = [];

  /** What has ended is gone. */
  passTime(nowMs: number): void {
    const isLeft = ({ untilMs }: { untilMs: number }) => untilMs === 0 || untilMs > nowMs;
    this.revocations = this.revocations.filter(isLeft);
    this.families = this.families.filter(isLeft);
    this.used = this.used.filter(isLeft);
  }

  apply(command: SecurityCommand, nowMs: number): string[] {
    switch (command.kind) {
      case "revoke":
        return [`done ${command.revocations.filter((each) => this.#revoke(each, nowMs)).length}`];
      case "rotate_token": {
        const { family, generation, requestDigest, untilMs } = command;
        if (this.find("family", family) !== undefined) return ["revoked"];
        const known = this.families.find(({ id }) => id === family);
        const current = known?.generation ?? 0;
        const isSame = requestDigest !== "" && requestDigest === known?.digest;
        if (isSame && generation + 1 === current) return [`rotated ${current} again`];
        if (generation !== current) {
          const endMs = Math.max(known?.untilMs ?? 0, untilMs);
          this.#revoke({ what: "family", id: family, untilMs: endMs }, nowMs);
          return ["reused"];
        }
        this.families = this.families.filter((each) => each !== known);
        this.families.push({
          id: family,
          generation: current + 1,
          digest: requestDigest,
          untilMs,
        });
        return [`rotated ${current + 1}`];
      }
      case "use_token": {
        const { tokenId, usedBy, untilMs } = command;
        if (this.find("token", tokenId) !== undefined) return ["revoked"];
        const known = this.used.find(({ id }) => id === tokenId);
        if (known !== undefined) return [known.by === usedBy ? "used again" : "used"];
        this.used.push({ id: tokenId, by: usedBy, untilMs });
        return ["used now"];
      }
      case "set_policy":
        if (command.expectedRevision !== this.policies.length) return ["stale"];
        this.policies.push(command.text);
        return [`done ${this.policies.length}`];
    }
  }

  find(what: string, id: string): NaiveRevocation | undefined {
    return this.revocations.find((each) => each.what === what && each.id === id);
  }

  /** Whether that changed anything. */
  #revoke(spec: RevocationSpec, nowMs: number): boolean {
    const before = this.find(spec.what, spec.id);
    const isForGood = before?.untilMs === 0 || spec.untilMs === 0;
    const untilMs = isForGood ? 0 : Math.max(before?.untilMs ?? 0, spec.untilMs);
    if (before !== undefined && spec.what !== "subject" && untilMs === before.untilMs) return false;
    this.revocations = this.revocations.filter((each) => each !== before);
    this.revocations.push({ ...spec, untilMs, atMs: nowMs });
    return true;
  }
}
