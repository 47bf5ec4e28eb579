/**
 * What a master says on its own pages.
 *
 * @module
 */

import type { ClusterStatusView } from "../../src/http/mod.ts";

/** `http://host:port` of a master. */
interface Pages {
  readonly httpUrl: string;
}

const ANSWER_TIMEOUT_MS = 1_000;

/** What a master says of itself; undefined while it does not answer. */
export function clusterStatusOf({ httpUrl }: Pages): Promise<ClusterStatusView | undefined> {
  return answered(`${httpUrl}/cluster/status`, async (response) => {
    const shown = await response.json();
    return response.ok ? shown : undefined;
  });
}

/** Whether a master says that it can serve. */
export async function isReady({ httpUrl }: Pages): Promise<boolean> {
  return await answered(`${httpUrl}/ready`, async (response) => {
    await response.body?.cancel();
    return response.ok;
  }) ?? false;
}

async function answered<Answer>(
  url: string,
  read: (response: Response) => Promise<Answer>,
): Promise<Answer | undefined> {
  try {
    return await read(await fetch(url, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) }));
  } catch (failure) {
    const isNoAnswer = failure instanceof TypeError ||
      (failure instanceof DOMException && failure.name === "TimeoutError");
    if (isNoAnswer) return undefined;
    throw failure;
  }
}
