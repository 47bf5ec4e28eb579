/**
 * What holds of the bytes of every Command, however it is encoded.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Command } from "../jobs/mod.ts";
import { decodeCommand, encodeCommand } from "./command_codec.ts";
import { CommandFormatError } from "./command_values.ts";

/** One byte of a Command's is changed: it is read as some Command, or refused, and nothing else happens. */
export function assertDamageIsRefused(command: fc.Arbitrary<Command>, numRuns: number): void {
  fc.assert(
    fc.property(command, fc.nat(), fc.nat(255), (original, place, value) => {
      const damaged = encodeCommand(original);
      damaged[place % damaged.length] = value;
      try {
        decodeCommand(damaged);
      } catch (error) {
        assert.ok(error instanceof CommandFormatError, String(error));
      }
    }),
    { numRuns },
  );
}
