/**
 * What is said of types and queues, in log entries.
 *
 * @module
 */

import { type ConfigureCommand, SETTINGS_SCOPES, type SettingsChange } from "../jobs/mod.ts";
import {
  boolean,
  ending,
  list,
  malformed,
  number,
  oneOf,
  optional,
  text,
} from "./command_values.ts";
import { rateFromWire, rateToWire } from "./job_options_wire.ts";

type Configuring = Omit<ConfigureCommand, "kind" | "atMs">;

export function configureToWire({ scope, name, change, by, easesRate }: Configuring): unknown[] {
  return [scope, name, change && changeToWire(change), by, ...ending(easesRate)];
}

/** @throws {CommandFormatError} */
export function configureFromWire(wire: readonly unknown[]): Configuring {
  return {
    scope: scope(wire[0]),
    name: text(wire[1]),
    change: wire[2] === null ? null : changeFromWire(wire[2]),
    by: text(wire[3]),
    ...optional("easesRate", wire[4], boolean),
  };
}

const scope = oneOf(...SETTINGS_SCOPES);

/** A number, which is never reused, and the value, of what is to be changed. */
function changeToWire({ paused, runningMax, rate, weight }: SettingsChange): unknown[] {
  const wire: unknown[] = [];
  if (paused !== undefined) wire.push(1, paused);
  if (runningMax !== undefined) wire.push(2, runningMax);
  if (rate !== undefined) wire.push(3, rateToWire(rate));
  if (weight !== undefined) wire.push(4, weight);
  return wire;
}

function changeFromWire(value: unknown): SettingsChange {
  const wire = list(value);
  const change: { -readonly [Name in keyof SettingsChange]: SettingsChange[Name] } = {};
  for (let at = 0; at < wire.length; at += 2) {
    const value = wire[at + 1];
    switch (wire[at]) {
      case 1:
        change.paused = boolean(value);
        break;
      case 2:
        change.runningMax = number(value);
        break;
      case 3:
        change.rate = rateFromWire(value);
        break;
      case 4:
        change.weight = number(value);
        break;
      default:
        throw malformed(`there is no setting ${String(wire[at])}`);
    }
  }
  return change;
}
