/**
 * The span in which the present code runs, without passing it along by hand.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { Span } from "./tracing.ts";

const spans = new AsyncLocalStorage<Span>();

/** The span of the nearest enclosing {@linkcode runInSpan}. */
export function activeSpan(): Span | undefined {
  return spans.getStore();
}

/** Runs `work`, and all that it awaits, in `span`: log lines written there carry its trace id. */
export function runInSpan<Result>(span: Span, work: () => Result): Result {
  return spans.run(span, work);
}
