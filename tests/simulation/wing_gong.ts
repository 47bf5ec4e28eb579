/**
 * Whether a history is linearizable: whether its operations have an order that agrees with real time
 * and in which a sequential model gives every answer that was given (Wing and Gong, 1993, with the
 * memory of Lowe's and Porcupine's). For histories of some dozen operations on one object.
 */

/** One operation of a client on one object. */
export interface Call<Operation> {
  readonly invokedAtMs: number;
  /** `Infinity`: never answered, so it may have happened at any time since, or not at all. */
  readonly returnedAtMs: number;
  readonly operation: Operation;
}

/** What one object may do, one operation after another. */
export interface Model<State, Operation> {
  readonly initial: State;
  /** States in which it may be after `operation` had the answer it had; none: that cannot be. */
  step(state: State, operation: Operation): readonly State[];
  /** The same text for the same state. */
  key(state: State): string;
}

/** See the module's text. */
export function isLinearizable<State, Operation>(
  calls: readonly Call<Operation>[],
  model: Model<State, Operation>,
): boolean {
  const ordered = [...calls].sort((a, b) => a.invokedAtMs - b.invokedAtMs);
  const answered = ordered.filter((call) => call.returnedAtMs < Infinity).length;
  const seen = new Set<string>();
  const taken = ordered.map(() => false);

  const search = (state: State, answeredLeft: number): boolean => {
    if (answeredLeft === 0) return true;
    const mark = `${taken.map(Number).join("")} ${model.key(state)}`;
    if (seen.has(mark)) return false;
    seen.add(mark);
    // Whatever comes first now was invoked before any that is left had returned.
    let firstReturnMs = Infinity;
    ordered.forEach((call, at) => {
      if (taken[at] !== true) firstReturnMs = Math.min(firstReturnMs, call.returnedAtMs);
    });
    for (const [at, call] of ordered.entries()) {
      if (call.invokedAtMs > firstReturnMs) break;
      if (taken[at] === true) continue;
      taken[at] = true;
      const left = answeredLeft - (call.returnedAtMs < Infinity ? 1 : 0);
      for (const next of model.step(state, call.operation)) if (search(next, left)) return true;
      taken[at] = false;
    }
    return false;
  };
  return search(model.initial, answered);
}
