/**
 * Bounds on the values of metric labels: each new value is a new time series, in our memory and in
 * that of the Prometheus that watches us.
 *
 * @module
 */

/** Decides under which value something is counted. */
export interface LabelBound {
  admit(value: string): string;
  /** All values, where they are known beforehand. */
  readonly known?: readonly string[];
  /** Makes room: the values so far are gone from the metric. */
  forget?(): void;
}

/** Where everything is counted that has no series of its own. */
const OTHER = "other";
/** Longest label value, in UTF-16 units. */
const LABEL_LENGTH_MAX = 128;

/** Values fixed by the program. */
export function oneOf(...values: string[]): LabelBound {
  const known = new Set(values);
  return { known: values, admit: (value) => known.has(value) ? value : OTHER };
}

/** Values that others choose: the first `valuesMax` of them have a series each. */
export function firstOf(valuesMax: number): LabelBound {
  const seen = new Set<string>();
  return {
    admit(value) {
      const label = value.slice(0, LABEL_LENGTH_MAX).toWellFormed();
      if (seen.has(label)) return label;
      if (seen.size >= valuesMax) return OTHER;
      seen.add(label);
      return label;
    },
    forget: () => seen.clear(),
  };
}
