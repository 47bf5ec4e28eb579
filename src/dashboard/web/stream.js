// @ts-check
/// <reference lib="dom" />
/**
 * Server-sent events with what `EventSource` lacks: it comes back after an HTTP error too, at growing
 * intervals, and it rests while nobody looks at the page, so that hidden tabs cost the master nothing.
 */

const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 30_000;

/** @typedef {"connecting" | "open" | "lost" | "resting" | "ended"} StreamState */

/**
 * @typedef {object} StreamOptions
 * @property {Readonly<Record<string, (data: any) => void>>} on by the event's name
 * @property {(state: StreamState) => void} [onState]
 * @property {boolean} [isEndless] An `end` is a pause: whoever closed it may open it again.
 * @property {AbortSignal} signal
 */

/**
 * @param {string} url
 * @param {StreamOptions} options
 */
export function openStream(url, { on, onState = () => {}, isEndless = false, signal }) {
  /** @type {EventSource | undefined} */
  let source;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let retryMs = RETRY_MS_MIN;
  let isEnded = false;

  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = undefined;
  };
  const retry = () => {
    close();
    onState("lost");
    timer = setTimeout(open, retryMs);
    retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
  };
  const open = () => {
    close();
    if (signal.aborted || isEnded) return;
    if (document.hidden) return onState("resting");
    onState("connecting");
    const opened = source = new EventSource(url);
    opened.onopen = () => {
      retryMs = RETRY_MS_MIN;
      onState("open");
    };
    opened.onerror = () => {
      if (opened.readyState === EventSource.CLOSED) retry();
      else onState("lost");
    };
    for (const [name, take] of Object.entries(on)) {
      opened.addEventListener(name, (event) => take(JSON.parse(event.data)));
    }
    opened.addEventListener("end", (event) => {
      // It may have broken off: a node that stops says so, and goes on when it has started again.
      if (isEndless || JSON.parse(event.data).code !== "OK") return retry();
      isEnded = true;
      close();
      onState("ended");
    });
  };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) open();
    else if (source !== undefined || timer !== undefined) {
      close();
      onState("resting");
    }
  }, { signal });
  signal.addEventListener("abort", close);
  open();
}
