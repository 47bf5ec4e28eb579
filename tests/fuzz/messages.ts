/**
 * Bytes that are, or nearly are, messages of a schema.
 *
 * @module
 */

import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import type { Random } from "../simulation/random.ts";

/** Wire types of the protobuf encoding. */
const [VARINT, FIXED64, LENGTH, GROUP, FIXED32] = [0, 1, 2, 3, 5] as const;
/** Deeper than any decoder's stack likes. */
const DEEP = 20_000;
const HUGE_VARINT = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];

const TEXTS = [
  "",
  "noop",
  "test_sleep",
  "m1",
  "*",
  "../../etc/passwd",
  "a\r\nb: c",
  "\u001b[31m",
  "\u202e",
  "\0",
  "{",
  '{"a":1}',
  "__proto__",
  "constructor",
  "0 0 31 2 *",
  "9".repeat(400),
  "x".repeat(5_000),
];
const NUMBERS = [0n, 1n, 2n, 127n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 64n - 1n];

/** A request of this schema, damaged more often than not. */
export function fuzzedMessage(schema: DescMessage, random: Random): Uint8Array<ArrayBuffer> {
  const whole = validMessage(schema, random, 0);
  return Uint8Array.from(random.chance(0.3) ? whole : damaged(whole, random));
}

/** Every field has the wire type of the schema; what it says is another matter. */
function validMessage(schema: DescMessage, random: Random, depth: number): number[] {
  let bytes: number[] = [];
  for (const field of schema.fields) {
    if (random.chance(0.4)) continue;
    const times = field.fieldKind === "list" || field.fieldKind === "map" ? random.below(4) : 1;
    for (let each = 0; each < times; each++) {
      bytes = bytes.concat(fieldBytes(field, random, depth));
    }
  }
  return bytes;
}

function fieldBytes(field: DescField, random: Random, depth: number): number[] {
  const message = messageOf(field);
  if (message !== undefined) {
    return delimited(field.number, depth > 2 ? [] : validMessage(message, random, depth + 1));
  }
  if (field.fieldKind === "map") {
    const key = delimited(1, textBytes(random));
    return delimited(field.number, [...key, ...delimited(2, textBytes(random))]);
  }
  const scalar = "scalar" in field ? field.scalar : undefined;
  switch (scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return delimited(field.number, textBytes(random));
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return [...tag(field.number, FIXED64), ...randomBytes(8, random)];
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return [...tag(field.number, FIXED32), ...randomBytes(4, random)];
    default:
      return [...tag(field.number, VARINT), ...varint(random.pick(NUMBERS))];
  }
}

function messageOf(field: DescField): DescMessage | undefined {
  if (field.fieldKind === "message") return field.message;
  return field.fieldKind === "list" && field.listKind === "message" ? field.message : undefined;
}

function damaged(bytes: readonly number[], random: Random): number[] {
  const copy = [...bytes];
  switch (random.below(8)) {
    case 0:
      return copy.slice(0, random.below(copy.length + 1));
    case 1:
      for (let flips = random.between(1, 8); flips > 0 && copy.length > 0; flips--) {
        copy[random.below(copy.length)]! ^= 1 << random.below(8);
      }
      return copy.map((byte) => byte & 0xff);
    case 2: // as long as no message can be
      return [...copy, ...tag(random.between(1, 30), LENGTH), ...HUGE_VARINT];
    case 3:
      return [...copy, ...tag(random.between(1, 30), VARINT), ...HUGE_VARINT, 0xff];
    case 4: // groups, which nobody uses and every decoder has to skip
      return Array.from({ length: DEEP }, () => tag(random.between(1, 15), GROUP)).flat();
    case 5: // a message in a message in a message ...
      return nested(random.between(1, 15), random.between(2, 2_000));
    case 6:
      return randomBytes(random.below(4_096), random);
    default: // the same fields over and over
      return Array.from({ length: random.between(2, 50) }, () => copy).flat().slice(0, 500_000);
  }
}

function nested(number: number, depth: number): number[] {
  const reversed: number[] = [];
  for (let level = 0; level < depth; level++) {
    reversed.push(...[...tag(number, LENGTH), ...varint(BigInt(reversed.length))].reverse());
  }
  return reversed.reverse();
}

function textBytes(random: Random): number[] {
  if (random.chance(0.1)) return randomBytes(random.below(64), random); // seldom UTF-8
  return [...new TextEncoder().encode(random.pick(TEXTS))];
}

/** Bytes of any value. */
export function randomBytes(count: number, random: Random): number[] {
  return Array.from({ length: count }, () => random.below(256));
}

function delimited(number: number, content: readonly number[]): number[] {
  return tag(number, LENGTH).concat(varint(BigInt(content.length)), content);
}

function tag(number: number, wireType: number): number[] {
  return varint(BigInt(number) << 3n | BigInt(wireType));
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  for (let rest = value; bytes.length === 0 || rest > 0n; rest >>= 7n) {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
  }
  return bytes;
}
