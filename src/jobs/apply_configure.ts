/**
 * What operators say of types and queues.
 *
 * @module
 */

import type { ConfigureCommand, ConfigureOutcome } from "./command.ts";
import {
  bucketKey,
  DEFAULT_SETTINGS,
  isDefault,
  type Settings,
  SETTINGS_LIMITS,
  type SettingsChange,
} from "./settings.ts";
import type { State } from "./state.ts";

export function applyConfigure(state: State, command: ConfigureCommand): ConfigureOutcome {
  const { scope, name, change, by, easesRate } = command;
  const kind = "configure";
  const fault = faultOf(command);
  if (fault !== "") return { kind, status: "refused", reason: "invalid", message: fault };
  const book = state.backlog.settings;
  const before = book.of(scope, name);
  const settings = change === null ? DEFAULT_SETTINGS : changed(before, change, by, state.nowMs);
  const isNew = isDefault(before) && !isDefault(settings);
  if (isNew && book.size >= SETTINGS_LIMITS.entriesMax) {
    const message = `${book.size} types and queues have settings, which is as many as may; ` +
      "reset some first";
    return { kind, status: "refused", reason: "too_many_settings", message };
  }
  book.change(scope, name, settings, state.records);
  if (easesRate === true && (change === null || change.rate !== undefined)) {
    state.backlog.buckets.ease(bucketKey(scope, name), settings.rate, state.nowMs);
  }
  state.backlog.reconsider(scope, name);
  return { kind, status: "done", changed: !isSame(before, settings), settings };
}

function changed(before: Settings, change: SettingsChange, by: string, nowMs: number): Settings {
  const paused = change.paused ?? before.paused;
  const stays = paused === before.paused;
  return {
    paused,
    pausedBy: stays ? before.pausedBy : paused ? by : "",
    pausedAtMs: stays ? before.pausedAtMs : paused ? nowMs : 0,
    runningMax: change.runningMax ?? before.runningMax,
    rate: change.rate === undefined ? before.rate : change.rate,
    weight: change.weight ?? before.weight,
  };
}

function faultOf({ scope, name, change }: ConfigureCommand): string {
  if (name === "") return `a ${scope} needs a name`;
  const { nameCharactersMax } = SETTINGS_LIMITS;
  if (name.length > nameCharactersMax) {
    return `the name of the ${scope} has ${name.length} characters; it may have ${nameCharactersMax}`;
  }
  if (change === null) return "";
  const { runningMax = 0, rate, weight = 1 } = change;
  if (!Number.isSafeInteger(runningMax) || runningMax < 0) {
    return `running_max is ${runningMax}; it must be a whole number from 0`;
  }
  if (!Number.isSafeInteger(weight) || weight < 1 || weight > SETTINGS_LIMITS.weightMax) {
    return `weight is ${weight}; it must be a whole number from 1 to ${SETTINGS_LIMITS.weightMax}`;
  }
  if (scope === "type" && change.weight !== undefined) {
    return "weight is for queues: types take no turns";
  }
  if (!rate) return "";
  const isRate = [rate.count, rate.perMs].every((each) => Number.isSafeInteger(each) && each > 0);
  return isRate && Number.isSafeInteger(rate.burst) && rate.burst >= 0
    ? ""
    : `rate is ${rate.count} per ${rate.perMs} ms with a burst of ${rate.burst}; count and time ` +
      "must be whole numbers from 1";
}

function isSame(a: Settings, b: Settings): boolean {
  return a.paused === b.paused && a.runningMax === b.runningMax && a.weight === b.weight &&
    a.rate?.count === b.rate?.count && a.rate?.perMs === b.rate?.perMs &&
    a.rate?.burst === b.rate?.burst;
}
