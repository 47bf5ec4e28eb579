/**
 * Whether a command answered what a page shows of it. What differs from run to run by nature (ids, hashes,
 * times, milliseconds, widths of columns) counts as the same; `...` stands for whatever comes, in a line
 * or, alone, for any number of lines.
 *
 * @module
 */

const VOLATILE: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, "<id>"],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)/g, "<time>"],
  [/\b\d\d:\d\d:\d\d\b/g, "<time>"],
  [/\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b/g, "<hash>"],
  [/\b\d+(\.\d+)? ?ms\b/g, "<duration>"],
  [/(_ms": ?)\d+(\.\d+)?/g, "$1<duration>"],
];

/** A line without what differs by nature. */
function steady(line: string): string {
  const same = VOLATILE.reduce((text, [what, name]) => text.replace(what, name), line);
  return same.replace(/\s+/g, " ").replace(/-{4,}|[─═]{2,}/g, "--").trim();
}

/** Whether the answer is as shown. */
export function isAsShown(shown: readonly string[], answer: readonly string[]): boolean {
  return asPattern(shown, "$").test(answer.map((line) => `${steady(line)}\n`).join(""));
}

/** Whether the answer begins as shown. */
export function beginsAsShown(shown: readonly string[], answer: readonly string[]): boolean {
  return asPattern(shown, "").test(answer.map((line) => `${steady(line)}\n`).join(""));
}

function asPattern(shown: readonly string[], end: string): RegExp {
  const lines = shown.map((line) => {
    if (line.trim() === "...") return "(?:.*\\n)*?";
    const parts = steady(line).split("...").map((part) =>
      part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")
    );
    return `${parts.join(".*")}\\n`;
  });
  return new RegExp(`^${lines.join("")}${end}`);
}
