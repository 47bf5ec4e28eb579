/**
 * Stands in for `src/config/mod.ts` in a program under test: the same, but that every key that the
 * program reads of its configuration is written, once, to the file that READ_KEYS_FILE names.
 *
 * @module
 */

import {
  type Config,
  describeConfig,
  loadConfig as load,
  type LoadedConfig,
} from "../../src/config/mod.ts";

export * from "../../src/config/mod.ts";

const file = Deno.env.get("READ_KEYS_FILE") ?? "";
const known = new Set<string>();

/** A key that was read before it came here was read to be checked, which is not to be used. */
export const loadConfig: typeof load = (...args) => {
  const loaded = load(...args);
  return {
    ...loaded,
    config: recorded(loaded),
    get profile() {
      note(`${loaded.role} profile`);
      return loaded.profile;
    },
  };
};

function recorded({ config, role }: LoadedConfig): Config {
  const pathOf = new Map(describeConfig().map(({ path, field }) => [field, path]));
  const wrap = (section: object, way: string): object => {
    const wrapped = {};
    for (const [name, value] of Object.entries(section)) {
      const field = `${way}.${name}`;
      const path = pathOf.get(field);
      Object.defineProperty(wrapped, name, {
        enumerable: true,
        ...(path === undefined ? { value: wrap(value, field) } : {
          get: () => {
            note(`${role} ${path}`);
            return value;
          },
        }),
      });
    }
    return wrapped;
  };
  return wrap(config, "config") as Config;
}

function note(line: string): void {
  if (known.has(line)) return;
  known.add(line);
  Deno.writeTextFileSync(file, `${line}\n`, { append: true });
}
