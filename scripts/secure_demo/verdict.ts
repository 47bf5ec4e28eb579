/**
 * What a command's answer means, and whether that is what should have come of it. Pure.
 *
 * @module
 */

/**
 * What came of an act.
 * - `done`: it was let in, and the act done.
 * - `role`: it is known who asks, and that their role does not allow it (PERMISSION_DENIED).
 * - `unknown`: it is not known, or not believed, who asks (UNAUTHENTICATED).
 * - `door`: no connection came about.
 * - `here`: the program itself did not try.
 * - `failed`: anything else, which nobody expects.
 */
export type Verdict = "done" | "role" | "unknown" | "door" | "here" | "failed";

/** How a command ended, or a page answered. */
export interface Answer {
  /** Of a command, its exit code. */
  readonly code: number;
  /** What it said of its failure; "" after a success. */
  readonly message: string;
}

/** One square of the table. */
export interface Cell {
  readonly who: string;
  readonly act: string;
  /** The node that was asked. */
  readonly node: string;
  readonly expected: Verdict;
  readonly seen: Verdict;
  /** What was said, for the explanation of a difference. */
  readonly message: string;
}

/** Words of the refusals that a token meets with, as `src/security/token_refusals.ts` has them. */
const UNKNOWN = [
  /^a token is required/,
  /^the token('s)? /,
  /^this is a (refresh|join) token/,
  /^the authorization header/,
  /^the client certificate /,
  /^a client certificate with a role is required/,
];
/** As `src/rpc/unconnected.ts` has it. */
const UNCONNECTED =
  /^no master could be reached at .* (cannot be connected to|speaks TLS, and was dialled without it|none came about)/;
const MISUSE = 2;

/** What an answer means. */
export function verdictOf({ code, message }: Answer): Verdict {
  const words = message.replace(/^conductor: /, "");
  if (code === 0) return "done";
  if (code === MISUSE || /^security\.tls\.cert_file: .* expired at /.test(words)) return "here";
  if (/ may not call | may not use /.test(words)) return "role";
  if (UNCONNECTED.test(words)) return "door";
  return UNKNOWN.some((pattern) => pattern.test(words)) ? "unknown" : "failed";
}

/** Whether a cell is as it should be. */
export function isRight({ expected, seen }: Cell): boolean {
  return expected === seen;
}

const MARKS: Readonly<Record<Verdict, string>> = {
  done: "yes",
  role: "no",
  unknown: "unknown",
  door: "no door",
  here: "not sent",
  failed: "failed",
};

/**
 * Acts down, users across. What is as expected is one word; what is not says both, with the node that
 * it happened on.
 */
export function tableOf(
  cells: readonly Cell[],
  acts: readonly string[],
  users: readonly string[],
): readonly string[] {
  const rows = acts.map((act) => [act, ...users.map((who) => squareOf(cells, who, act))]);
  return columns([["", ...users], ...rows]);
}

function squareOf(cells: readonly Cell[], who: string, act: string): string {
  const mine = cells.filter((cell) => cell.who === who && cell.act === act);
  const [first] = mine;
  if (first === undefined) return "";
  const wrong = mine.filter((cell) => !isRight(cell));
  if (wrong.length === 0) return MARKS[first.expected];
  const seen = wrong.map(({ node, seen }) => `${MARKS[seen]} on ${node}`);
  return `✗ ${seen.join(", ")}, not ${MARKS[first.expected]}`;
}

/** Left-aligned columns, two spaces apart. */
export function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0))
  );
  return rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()
  );
}
