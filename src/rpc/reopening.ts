import { pause } from "./pause.ts";
import { Refusal } from "./status.ts";

const WATCH_PAUSE_MS_MIN = 50;
const WATCH_PAUSE_MS_MAX = 2_000;

/** Goes on with another stream whenever one is lost, until `isOver`; `ask` waits for a master. */
export async function* untilEnd<Event>(
  open: () => AsyncIterable<Event>,
  isOver: () => boolean,
  ask: () => Promise<unknown>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Event> {
  let pauseMs = WATCH_PAUSE_MS_MIN;
  while (true) {
    try {
      for await (const event of open()) {
        pauseMs = WATCH_PAUSE_MS_MIN;
        yield event;
        if (isOver()) return;
      }
    } catch (failure) {
      // Whoever ended the watch wants to hear the own reason, whatever broke for it.
      signal?.throwIfAborted();
      const isLost = failure instanceof Refusal &&
        (failure.reason === "unavailable" || failure.reason === "not_leader");
      if (!isLost) throw failure;
    }
    // A unary call waits for a master with all the patience that calls have, and says so if none
    // comes. The pause is for one that answers calls and breaks watches.
    await ask();
    await pause(pauseMs, signal);
    pauseMs = Math.min(pauseMs * 2, WATCH_PAUSE_MS_MAX);
  }
}
