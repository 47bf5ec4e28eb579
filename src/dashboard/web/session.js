// @ts-check
/// <reference lib="dom" />
/** Who looks at this page, and what they may do. */

import { ApiError, get, send } from "./api.js";

/**
 * @typedef {object} Caller `GET whoami`
 * @property {string} user_id
 * @property {readonly string[]} roles
 * @property {boolean} confined Jobs of `namespaces` are all that there is to this caller; false: it sees all
 * @property {readonly string[]} namespaces
 * @property {"cookie" | "bearer" | "certificate" | "none"} login
 * @property {boolean} login_required
 * @property {readonly string[]} routes Those that this caller may use: `POST /api/v1/jobs/{job_id}/cancel`
 * @property {string} node_id
 * @property {string} cluster_id
 * @property {string} version
 */

export class Session {
  /** @type {Caller | undefined} */
  caller;
  /** @type {ReadonlySet<string>} */
  #routes = new Set();

  /** Asks who we are; leaves `caller` undefined when a login is needed. */
  async begin() {
    try {
      this.#take(await get("whoami"));
    } catch (failure) {
      if (!(failure instanceof ApiError) || failure.status !== 401) throw failure;
      this.caller = undefined;
    }
  }

  /**
   * Asks again what we may do; resolves to whether that changed.
   *
   * @throws {ApiError}
   */
  async renew() {
    const before = this.caller?.routes.join();
    this.#take(await get("whoami"));
    return before !== this.caller?.routes.join();
  }

  /** @param {string} token */
  async login(token) {
    this.#take(await send("POST", "login", { token }));
  }

  async logout() {
    await send("POST", "logout");
    this.end();
  }

  /** The API does not know us any more. */
  end() {
    this.caller = undefined;
    this.#routes = new Set();
  }

  /**
   * Whether the caller may use a route: a button that would be refused is not shown.
   *
   * @param {string} method
   * @param {string} template below the API's base: `jobs/{job_id}/cancel`
   */
  may(method, template) {
    return this.#routes.has(`${method} /api/v1/${template}`);
  }

  /** @param {Caller} caller */
  #take(caller) {
    this.caller = caller;
    this.#routes = new Set(caller.routes);
  }
}
