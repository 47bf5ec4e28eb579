import { pause } from "./pause.ts";
import { Refusal } from "./status.ts";

const WATCH_PAUSE_MS_MIN = 50;
const WATCH_PAUSE_MS_MAX = 2_000;

/** How long a watch goes on without any master. */
export interface Outlasting {
  /** None has answered for as long as a call may take: whether to go on trying. Left out: no. */
  readonly outlasts?: ((silence: Refusal) => boolean) | undefined;
}

/** A stream of events, and what to do where it is lost. */
export interface Reopened<Event> extends Outlasting {
  readonly open: () => AsyncIterable<Event>;
  readonly isOver: () => boolean;
  /** Waits for a master. */
  readonly ask: () => Promise<unknown>;
  readonly signal: AbortSignal | undefined;
}

/** Goes on with another stream whenever one is lost, until `isOver`. */
export async function* untilEnd<Event>(
  { open, isOver, ask, signal, outlasts = () => false }: Reopened<Event>,
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
      if (!isLost(failure)) throw failure;
    }
    try {
      // A unary call waits for a master with all the patience that calls have, and says so if none
      // comes. The pause is for one that answers calls and breaks watches.
      await ask();
    } catch (failure) {
      signal?.throwIfAborted();
      if (!isLost(failure) || !outlasts(failure)) throw failure;
    }
    await pause(pauseMs, signal);
    pauseMs = Math.min(pauseMs * 2, WATCH_PAUSE_MS_MAX);
  }
}

function isLost(failure: unknown): failure is Refusal {
  return failure instanceof Refusal &&
    ["unavailable", "not_leader", "outcome_unknown"].includes(failure.reason);
}
