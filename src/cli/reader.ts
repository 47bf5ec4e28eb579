/**
 * Whether anybody still reads what a command writes. A command that writes now and then learns it from a
 * write that fails; one that waits for news, as `--watch` does, may wait for ever.
 *
 * @module
 */

const POLLERR = 0x8;
const POLLHUP = 0x10;

/**
 * Asks the system; false where it cannot be asked (not Linux, another C library), and the next write tells.
 *
 * @param descriptor of a stream that is open for writing
 */
export function hasLostReader(descriptor: number): boolean {
  // struct pollfd { int fd; short events; short revents; }
  const asked = new DataView(new ArrayBuffer(8));
  asked.setInt32(0, descriptor, IS_LITTLE_ENDIAN);
  if (libc()?.poll(new Uint8Array(asked.buffer), 1n, 0) !== 1) return false;
  return (asked.getInt16(6, IS_LITTLE_ENDIAN) & (POLLERR | POLLHUP)) !== 0;
}

const IS_LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
const SYMBOLS = {
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32" },
} as const;

let opened: ReturnType<typeof open> | undefined;

function libc() {
  opened ??= open();
  return opened.symbols;
}

function open(): { readonly symbols: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"] | undefined } {
  if (Deno.build.os !== "linux") return { symbols: undefined };
  try {
    return Deno.dlopen("libc.so.6", SYMBOLS);
  } catch {
    return { symbols: undefined }; // another C library, or no permission
  }
}
