/**
 * The masters that a client knows, in the order in which it tries them.
 *
 * @module
 */

export class AddressBook {
  #addresses: string[];

  /** @param given by whoever made the client; never forgotten */
  constructor(given: readonly string[]) {
    this.#addresses = [...new Set(given)];
  }

  /** All, the next one to try first. */
  get all(): readonly string[] {
    return this.#addresses;
  }

  get first(): string {
    return this.#addresses[0] ?? "";
  }

  /** Puts members of the cluster that were not known behind the others. */
  learn(members: readonly string[]): void {
    const known = new Set(this.#addresses);
    for (const each of members) {
      if (each !== "" && !known.has(each)) this.#addresses.push(each);
    }
  }

  /** This one shall be tried first. */
  prefer(address: string): void {
    this.#addresses = [address, ...this.#addresses.filter((each) => each !== address)];
  }

  /** `address` was no good: it goes to the end, and the leader that it named to the front. */
  turnFrom(address: string, leader: string | undefined): void {
    const rest = this.#addresses.filter((each) => each !== address);
    this.#addresses = leader === undefined || leader === address
      ? [...rest, address]
      : [leader, ...rest.filter((each) => each !== leader), address];
  }
}
