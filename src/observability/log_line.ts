/**
 * Lines of the log: made harmless, and made readable.
 *
 * @module
 */

/**
 * What JSON lets through and a terminal or an editor obeys: DEL and the C1 controls (some terminals
 * take U+009B for ESC [), line and paragraph separators, and the marks that turn the direction of
 * writing (what is shown is then not what is there).
 */
const TREACHEROUS = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** A line of JSON with its treacherous characters as escapes; it parses to the same values. */
export function neutralized(jsonLine: string): string {
  return jsonLine.replace(TREACHEROUS, escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

const COLORS: Readonly<Record<string, number>> = { debug: 90, info: 32, warn: 33, error: 31 };
const DIM = 2;
const BOLD = 1;

/**
 * A line of JSON as people like it:
 * `12:34:56.789 INFO  master  job assigned  job_id=j-1 worker_id=w-1`, in local time.
 */
export function prettyLine(jsonLine: string, isColored: boolean): string {
  const { ts, level, logger, msg, node_id: _node, ...fields } = JSON.parse(jsonLine) as Record<
    string,
    unknown
  >;
  const paint = (code: number, text: string) => isColored ? `\x1b[${code}m${text}\x1b[0m` : text;
  const word = String(level);
  const parts = [
    paint(DIM, timeOfDay(String(ts))),
    paint(COLORS[word] ?? 0, word.toUpperCase().padEnd(5)),
    paint(DIM, onOneLine(String(logger))),
    paint(BOLD, onOneLine(String(msg ?? ""))),
  ];
  const shown = Object.entries(fields).map(([name, value]) =>
    `${paint(DIM, `${onOneLine(name)}=`)}${shownValue(value)}`
  );
  return `${[...parts, shown.join(" ")].join("  ").trimEnd()}\n`;
}

function timeOfDay(timestamp: string): string {
  const at = new Date(timestamp);
  const two = (value: number) => String(value).padStart(2, "0");
  const ms = String(at.getMilliseconds()).padStart(3, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${ms}`;
}

function shownValue(value: unknown): string {
  if (typeof value === "string" && /^[^\s"=\p{C}]+$/u.test(value)) return onOneLine(value);
  return neutralized(JSON.stringify(value));
}

/** Text without anything that moves the cursor, for what stands outside of quotes. */
function onOneLine(text: string): string {
  return neutralized(JSON.stringify(text).slice(1, -1)).replaceAll('\\"', '"');
}
