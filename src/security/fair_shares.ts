/**
 * Who gives way when callers make a server keep too much together. What one address holds is cut to what the others
 * could have as well, so that a flood from one host ends its own calls: by length and time alone it would end, at every
 * turn, the few long calls of others before its many short ones.
 */

import { addressKey, peerIp } from "./rate_limit.ts";

/** Something that is kept for a caller. */
export interface Holding {
  readonly address: string;
  readonly bytes: number;
  /** Of what one address has, the heaviest goes first. */
  readonly weight: number;
}

/**
 * What has to go for no more than `bytesMax` to be kept.
 *
 * @param holdings of which none is counted twice
 */
export function unfairShares<Held extends Holding>(
  holdings: Iterable<Held>,
  bytesMax: number,
): Held[] {
  const ofAddress = new Map<string, { bytes: number; readonly held: Held[] }>();
  for (const holding of holdings) {
    const key = keyOf(holding.address);
    const known = ofAddress.get(key) ?? { bytes: 0, held: [] };
    known.bytes += holding.bytes;
    known.held.push(holding);
    ofAddress.set(key, known);
  }
  const share = shareOf([...ofAddress.values()].map(({ bytes }) => bytes), bytesMax);
  const going: Held[] = [];
  for (const { bytes, held } of ofAddress.values()) {
    if (bytes <= share) continue;
    let left = bytes;
    for (const holding of held.sort((one, other) => other.weight - one.weight)) {
      if (left <= share) break;
      left -= holding.bytes;
      going.push(holding);
    }
  }
  return going;
}

/** The most that each may have for all of them to have no more than `max` together. */
function shareOf(amounts: number[], max: number): number {
  let left = max;
  let others = amounts.length;
  for (const amount of amounts.sort((one, other) => one - other)) {
    if (amount * others > left) return left / others;
    left -= amount;
    others--;
  }
  return Infinity;
}

function keyOf(address: string): string {
  return addressKey(peerIp(address.includes(":") ? `[${address}]` : address));
}
