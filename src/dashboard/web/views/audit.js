// @ts-check
/** The end of this master's audit log, as it grows. */

import { get, isAbort, urlOf } from "../api.js";
import { html, nothing } from "../lit.js";
import { jsonTree } from "../parts/json_tree.js";
import { moment } from "../parts/moment.js";
import { barePanel, heading } from "../parts/page.js";
import { emptyBox, faultBox, loadingBox } from "../parts/states.js";
import { openStream } from "../stream.js";

/** @typedef {Readonly<Record<string, unknown>>} Line */

const LINES_MAX = 200;

/** @type {import("../view.js").View} */
export function auditView(context) {
  const { session, signal, update } = context;
  context.title("Audit");
  /** Newest first. @type {Line[] | undefined} */
  let lines;
  /** @type {unknown} */
  let error;
  let search = "";
  /** Lines that are shown in full. @type {Set<Line>} */
  const open = new Set();
  const toggled = (/** @type {Line} */ line, /** @type {boolean} */ isOpen) => {
    if (isOpen === open.has(line)) return;
    if (isOpen) open.add(line);
    else open.delete(line);
    update();
  };
  const load = async () => {
    try {
      const answer = await get("audit", { limit: LINES_MAX }, signal);
      lines = joined(answer.lines.toReversed(), lines ?? []);
      error = undefined;
    } catch (failure) {
      if (isAbort(failure)) return;
      error = failure;
    }
    update();
  };
  const follow = () =>
    openStream(urlOf("audit/stream"), {
      signal,
      isEndless: true,
      // What was written while nobody listened, the stream does not say.
      onState: (state) => {
        if (state === "open" || (state === "lost" && lines === undefined)) load();
      },
      on: {
        audit: (/** @type {Line} */ line) => {
          lines = joined(lines ?? [], [line]);
          update();
        },
        missed: load,
      },
    });
  if (session.may("GET", "audit/stream")) follow();
  else load();
  const searched = (/** @type {Event} */ event) => {
    search = /** @type {HTMLInputElement} */ (event.target).value;
    update();
  };
  return () => {
    const found = (lines ?? []).filter((line) =>
      search === "" || JSON.stringify(line).toLowerCase().includes(search.toLowerCase())
    );
    return html`
      ${heading("Audit", {
        note: `what this master's audit log says, the latest first`,
        actions: html`
          <input type="search" class="search" aria-label="Search in these lines"
            placeholder="Search" @input=${searched}>
        `,
      })}
      ${error === undefined ? nothing : faultBox(error, load)}
      ${lines === undefined
        ? (error === undefined ? loadingBox(10) : nothing)
        : found.length === 0
        ? emptyBox(search === "" ? "Nothing was audited yet." : "No line is like this.")
        : barePanel(
          "Lines",
          html`<ol class="audit">${found.map((line) => entry(line, open.has(line), toggled))}</ol>`,
        )}
    `;
  };
}

/**
 * Lines of two sources, the newest first: those that only the second has are newer than all of the first. A line
 * that was known stays the object that it was.
 *
 * @param {readonly Line[]} lines
 * @param {readonly Line[]} others
 */
function joined(lines, others) {
  const known = new Map(others.map((line) => [keyOf(line), line]));
  const old = lines.map((line) => {
    const key = keyOf(line);
    const same = known.get(key) ?? line;
    known.delete(key);
    return same;
  });
  const newestSeen = Number(old[0]?.["seq"]);
  const newer = [...known.values()].filter(({ seq }) => !(Number(seq) < newestSeen));
  return [...newer, ...old].slice(0, LINES_MAX);
}

/** @param {Line} line */
function keyOf(line) {
  return line["seq"] === undefined ? JSON.stringify(line) : line["seq"];
}

/** Fields that are shown by themselves. */
const OWN = ["time", "ts", "timestamp", "msg", "user_id", "method"];

/**
 * @param {Line} line
 * @param {boolean} isOpen
 * @param {(line: Line, isOpen: boolean) => void} toggled
 */
function entry(line, isOpen, toggled) {
  const said = String(line["msg"] ?? line["event"] ?? "");
  const isRefusal = /fail|denied|refus|invalid/i.test(said);
  const toggle = (/** @type {Event} */ event) =>
    toggled(line, /** @type {HTMLDetailsElement} */ (event.target).open);
  return html`
    <li>
      <details ?open=${isOpen} @toggle=${toggle}>
        <summary>
          ${moment(timeOf(line))}
          <span class=${isRefusal ? "said tone-failed" : "said"}>${said}</span>
          <b>${String(line["user_id"] ?? "")}</b>
          <span class="method">${String(line["method"] ?? "").replace(
            "/proto.MasterService/",
            "",
          )}</span>
        </summary>
        ${isOpen ? jsonTree(restOf(line)) : nothing}
      </details>
    </li>
  `;
}

/** @param {Line} line */
function restOf(line) {
  return Object.fromEntries(Object.entries(line).filter(([name]) => !OWN.includes(name)));
}

/** @param {Line} line */
function timeOf(line) {
  const at = line["time"] ?? line["ts"] ?? line["timestamp"];
  return typeof at === "number"
    ? new Date(at).toISOString()
    : typeof at === "string"
    ? at
    : undefined;
}
