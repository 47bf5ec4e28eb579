/** What a worker says of itself, as a part of a Command's bytes. */

import type { StringMap, WorkerSpec } from "../jobs/mod.ts";
import {
  boolean,
  ending,
  list,
  malformed,
  number,
  optional,
  stringMap,
  stringMapToWire,
  text,
  texts,
} from "./command_values.ts";

export function workerToWire(worker: WorkerSpec): unknown[] {
  const { typeSlots } = worker;
  return [
    worker.id,
    worker.sessionId,
    worker.address,
    worker.slots,
    worker.jobTypes,
    stringMapToWire(worker.tags),
    worker.version,
    worker.unary ?? null,
    ...ending(
      worker.pushed,
      worker.cpuMillis,
      worker.memoryBytes,
      typeSlots && numberMapToWire(typeSlots),
      worker.namespaces,
    ),
  ];
}

export function workerFromWire(value: unknown): WorkerSpec {
  const wire = list(value);
  return {
    id: text(wire[0]),
    sessionId: text(wire[1]),
    address: text(wire[2]),
    slots: number(wire[3]),
    jobTypes: wire[4] === null ? null : texts(wire[4]),
    tags: stringMap(wire[5]),
    version: text(wire[6]),
    ...optional("unary", wire[7], boolean),
    ...optional("pushed", wire[8], boolean),
    ...optional("cpuMillis", wire[9], number),
    ...optional("memoryBytes", wire[10], number),
    ...optional("typeSlots", wire[11], numberMap),
    ...optional("namespaces", wire[12], texts),
  };
}

/** As texts, so that no name can become a property by accident. */
function numberMapToWire(map: Readonly<Record<string, number>>): string[] {
  return stringMapToWire(
    Object.fromEntries(Object.entries(map).map(([name, value]) => [name, String(value)])),
  );
}

function numberMap(value: unknown): Record<string, number> {
  const texts: StringMap = stringMap(value);
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => {
      if (!/^\d{1,9}$/.test(text)) throw malformed(`${JSON.stringify(text)} is no number of slots`);
      return [name, Number(text)];
    }),
  );
}
