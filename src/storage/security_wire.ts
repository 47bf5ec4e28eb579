/**
 * The bytes of Commands about who is trusted; part of `command_codec.ts`.
 *
 * @module
 */

import {
  type RevocationSpec,
  type RevokeCommand,
  REVOKED_KINDS,
  type RotateTokenCommand,
  type SetPolicyCommand,
  type UseTokenCommand,
} from "../jobs/mod.ts";
import { list, number, oneOf, text } from "./command_values.ts";

/** What stands behind kind and time. */
type Body<Command> = Omit<Command, "kind" | "atMs">;

export function revokeToWire({ revocations, by, reason }: RevokeCommand): unknown[] {
  return [revocations.map(({ what, id, untilMs }) => [what, id, untilMs]), by, reason];
}

export function revokeFromWire(wire: readonly unknown[]): Body<RevokeCommand> {
  return {
    revocations: list(wire[0]).map(revocationFromWire),
    by: text(wire[1]),
    reason: text(wire[2]),
  };
}

function revocationFromWire(value: unknown): RevocationSpec {
  const wire = list(value);
  return { what: revokedKind(wire[0]), id: text(wire[1]), untilMs: number(wire[2]) };
}

const revokedKind = oneOf(...REVOKED_KINDS);

export function rotateToWire(command: RotateTokenCommand): unknown[] {
  const { family, subject, generation, requestDigest, untilMs } = command;
  return [family, subject, generation, requestDigest, untilMs];
}

export function rotateFromWire(wire: readonly unknown[]): Body<RotateTokenCommand> {
  return {
    family: text(wire[0]),
    subject: text(wire[1]),
    generation: number(wire[2]),
    requestDigest: text(wire[3]),
    untilMs: number(wire[4]),
  };
}

export function useToWire({ tokenId, usedBy, untilMs }: UseTokenCommand): unknown[] {
  return [tokenId, usedBy, untilMs];
}

export function useFromWire(wire: readonly unknown[]): Body<UseTokenCommand> {
  return { tokenId: text(wire[0]), usedBy: text(wire[1]), untilMs: number(wire[2]) };
}

export function setPolicyToWire({ text, expectedRevision, by }: SetPolicyCommand): unknown[] {
  return [text, expectedRevision, by];
}

export function setPolicyFromWire(wire: readonly unknown[]): Body<SetPolicyCommand> {
  return { text: text(wire[0]), expectedRevision: number(wire[1]), by: text(wire[2]) };
}
