// @ts-check
/** A job with all that it depends on and all that depends on it, as far as that goes. */

import { ApiError, get, path } from "./api.js";

/** @typedef {import("./wire.js").Job} Job */

const JOBS_MAX = 200;
const AT_ONCE = 4;

/**
 * @typedef {object} Family
 * @property {readonly Job[]} jobs
 * @property {boolean} isCut there are more
 * @property {readonly string[]} forgotten ids of parents that the cluster keeps no more
 */

/**
 * @param {string} id
 * @param {AbortSignal} signal
 * @returns {Promise<Family>}
 * @throws {ApiError} `NOT_FOUND` when there is no such job (any more)
 */
export async function familyOf(id, signal) {
  /** @type {Map<string, Job>} */
  const jobs = new Map();
  /** @type {Set<string>} */
  const forgotten = new Set();
  /** @type {string[]} */
  let wave = [id];
  let isCut = false;
  const asked = new Set(wave);
  while (wave.length > 0) {
    /** @type {Set<string>} */
    const next = new Set();
    for (let from = 0; from < wave.length; from += AT_ONCE) {
      await Promise.all(
        wave.slice(from, from + AT_ONCE).map(async (each) => {
          const [job, children] = await Promise.all([
            each === id ? jobOf(each, signal) : jobOrNone(each, signal),
            get("jobs", { parent_id: each, limit: JOBS_MAX }, signal),
          ]);
          if (job === undefined) {
            forgotten.add(each);
            return;
          }
          jobs.set(each, job);
          for (const parent of parentsOf(job)) next.add(parent);
          for (const child of children.jobs) next.add(child.id);
        }),
      );
    }
    wave = [...next].filter((each) => !asked.has(each));
    if (asked.size + wave.length > JOBS_MAX) {
      isCut = true;
      wave = wave.slice(0, Math.max(0, JOBS_MAX - asked.size));
    }
    for (const each of wave) asked.add(each);
  }
  return { jobs: [...jobs.values()], isCut, forgotten: [...forgotten] };
}

/** @param {Job} job @returns {string[]} */
export function parentsOf({ options }) {
  return (options?.depends_on ?? []).map(({ job_id }) => job_id);
}

/**
 * @param {string} id
 * @param {AbortSignal} signal
 * @returns {Promise<Job>}
 */
async function jobOf(id, signal) {
  return (await get(path`jobs/${id}`, { without_payload: true }, signal)).job;
}

/**
 * @param {string} id
 * @param {AbortSignal} signal
 * @returns {Promise<Job | undefined>}
 */
async function jobOrNone(id, signal) {
  try {
    return await jobOf(id, signal);
  } catch (failure) {
    if (failure instanceof ApiError && failure.code === "NOT_FOUND") return undefined;
    throw failure;
  }
}
