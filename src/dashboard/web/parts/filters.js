// @ts-check
/// <reference lib="dom" />
/** The form above a list of jobs: what is in it is in the address, too. */

import { html, nothing } from "../lit.js";
import { href, rewrite } from "../router.js";

/**
 * @typedef {object} Field
 * @property {string} name of the API's parameter
 * @property {string} label
 * @property {string} [hint]
 * @property {readonly string[]} [offers]
 * @property {"text" | "datetime-local"} [type]
 */

/** @type {readonly Field[]} */
const FIELDS = [
  { name: "type", label: "Type" },
  { name: "queue", label: "Queue" },
  { name: "worker_id", label: "Worker" },
  { name: "labels", label: "Label", hint: "name=value" },
  { name: "batch_id", label: "Batch" },
  { name: "schedule", label: "Schedule" },
  { name: "namespace", label: "Namespace" },
  { name: "created_from", label: "Submitted from", type: "datetime-local" },
];

/** Names of parameters that an address may hold, `status` and `unfinished` among them. */
const NAMES = [...FIELDS.map(({ name }) => name), "status", "unfinished", "created_before"];

/** Those that are shown without asking; the others when they are set, or wanted. */
const FIRST = ["type", "queue", "labels"];

/**
 * The filter that an address asks for.
 *
 * @param {URLSearchParams} query
 * @returns {Readonly<Record<string, string>>}
 */
export function filterOf(query) {
  /** @type {Record<string, string>} */
  const filter = {};
  for (const name of NAMES) {
    const value = query.get(name);
    const isSet = name === "unfinished" ? value === "true" : value !== null && value !== "";
    if (isSet) filter[name] = /** @type {string} */ (value);
  }
  return filter;
}

/**
 * The same for the API: times that were typed are local. What is no time goes along as it is, so that it is
 * refused: without it the filter would let more jobs through.
 *
 * @param {Readonly<Record<string, string>>} filter
 */
export function asQuery(filter) {
  const { created_from: from } = filter;
  const ms = from === undefined ? NaN : Date.parse(from);
  return Number.isNaN(ms) ? filter : { ...filter, created_from: new Date(ms).toISOString() };
}

/**
 * The same as a JobFilter, for calls that change many jobs.
 *
 * @param {Readonly<Record<string, string>>} filter
 * @throws {Error} when the label is no name=value: without it the filter would let more jobs through
 */
export function asJobFilter(filter) {
  const { labels, unfinished, ...rest } = asQuery(filter);
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(labels ?? "") ?? [];
  if (labels !== undefined && name === undefined) {
    throw new Error(`The label is "${labels}"; it must be name=value.`);
  }
  return {
    ...rest,
    ...(name === undefined ? {} : { labels: { [name]: value } }),
    ...(unfinished === undefined ? {} : { unfinished: true }),
  };
}

/**
 * @param {object} options
 * @param {readonly string[]} options.path of the list's address
 * @param {Readonly<Record<string, string>>} options.filter
 * @param {Readonly<Record<string, readonly string[]>>} options.offers values that are known, by field
 * @param {boolean} options.isWhole shows all fields
 * @param {() => void} options.onWhole
 * @param {() => void} options.onChange the address has the new filter
 */
export function filterForm({ path, filter, offers, isWhole, onWhole, onChange }) {
  const change = (/** @type {Event} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    const entries = [...new FormData(form)].map(([name, value]) => [name, String(value).trim()]);
    const { status, unfinished } = filter;
    rewrite(href(path, { ...Object.fromEntries(entries), status, unfinished }));
    onChange();
  };
  const fields = FIELDS.filter(({ name }) => isWhole || FIRST.includes(name) || name in filter);
  return html`
    <form class="filters" aria-label="Filter" @submit=${change} @change=${change}>
      ${fields.map((field) => input(field, filter[field.name] ?? "", offers[field.name] ?? []))}
      ${isWhole
        ? nothing
        : html`<button type="button" class="quiet" @click=${onWhole}>More filters</button>`}
      ${FIELDS.some(({ name }) => name in filter)
        ? html`<a class="clear" href=${
          href(path, { status: filter["status"], unfinished: filter["unfinished"] })
        }>Clear filters</a>`
        : nothing}
      <button class="unseen">Apply</button>
    </form>
  `;
}

/**
 * @param {Field} field
 * @param {string} value
 * @param {readonly string[]} offers
 */
function input({ name, label, hint = "any", type = "text" }, value, offers) {
  const list = offers.length === 0 ? nothing : `offers-${name}`;
  return html`
    <label><span>${label}</span>
      <input name=${name} type=${type} .value=${value} placeholder=${hint} list=${list}
        autocomplete="off" spellcheck="false">
    </label>
    ${list === nothing
      ? nothing
      : html`<datalist id=${list}>${
        offers.map((one) => html`<option value=${one}></option>`)
      }</datalist>`}
  `;
}
