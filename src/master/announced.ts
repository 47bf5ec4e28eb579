/**
 * How much a worker may say of itself. It is kept by every master and shown in every list of workers, so
 * that one that says megabytes would be all that a list has room for.
 *
 * @module
 */

import { Refusal, type WorkerAnnouncement } from "../rpc/mod.ts";

/** Characters of all its texts: some hundred times what a worker with many types and tags says. */
const CHARACTERS_MAX = 64 * 1024;
const ID_SHOWN = 80;

/** @throws Refusal `invalid` */
export function refuseTalkative(announcement: WorkerAnnouncement): void {
  const { workerId, address, version, incarnation, jobTypes, tags, typeSlots, namespaces } =
    announcement;
  const texts = [
    ...[workerId, address, version, incarnation],
    ...jobTypes,
    ...Object.entries(tags).flat(),
    ...Object.keys(typeSlots ?? {}),
    ...namespaces ?? [],
  ];
  // Each costs its quotes, a comma and more, wherever it is kept or shown.
  const characters = texts.reduce((sum, text) => sum + text.length + 4, 0);
  if (characters <= CHARACTERS_MAX) return;
  throw new Refusal(
    "invalid",
    `worker ${
      JSON.stringify(workerId.slice(0, ID_SHOWN))
    } says ${characters} characters of itself ` +
      `(its name, job types, tags and namespaces); it may say ${CHARACTERS_MAX}`,
  );
}
