/**
 * What the program is made of, as CycloneDX JSON: every package of `deno.lock` with its hash, and the
 * runtime. Packages that tests and tools alone import are told to be excluded. The same lock gives the same text: it holds no time and no random number.
 *
 * @module
 */

import { hash } from "node:crypto";

/** The parts of `deno.lock` that are told of. */
export interface Lock {
  /** From what the sources ask for (`npm:zod@4.6.7`) to the version taken. */
  readonly specifiers: Readonly<Record<string, string>>;
  /** By name and version, and the peers it was resolved with (`a@1.0.0_b@2.0.0`). */
  readonly npm: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage {
  readonly integrity: string;
  /** A name, with its version where the lock holds several. */
  readonly dependencies?: readonly string[];
  readonly optionalDependencies?: readonly string[];
}

export interface Component {
  readonly type: "library" | "platform";
  readonly "bom-ref": string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  /** Excluded: nothing of it is in the program. */
  readonly scope?: "required" | "excluded";
  readonly hashes?: readonly { readonly alg: "SHA-512"; readonly content: string }[];
  readonly licenses?: readonly { readonly expression: string }[];
}

/** A CycloneDX document, version 1.6 (https://cyclonedx.org/docs/1.6/json/). */
export interface Sbom {
  readonly bomFormat: "CycloneDX";
  readonly specVersion: "1.6";
  readonly serialNumber: string;
  readonly version: 1;
  readonly metadata: { readonly component: Record<string, string> };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/** What is in the program, by its key in the lock, and on which terms (SPDX). */
export type Bundled = ReadonlyMap<string, { readonly license: string }>;

/**
 * @param program the name and version of what is built, and which packages are in it
 * @param runtime Deno's version, which is inside of the file
 * @throws {Error} naming what the lock asks for and does not hold, or a package without a hash
 */
export function sbomOf(
  lock: Lock,
  { bundled, ...program }: {
    readonly name: string;
    readonly version: string;
    readonly bundled: Bundled;
  },
  runtime: string,
): Sbom {
  const keys = Object.keys(lock.npm);
  const root = `${program.name}@${program.version}`;
  const platform: Component = {
    type: "platform",
    "bom-ref": `deno@${runtime}`,
    name: "deno",
    version: runtime,
    purl: `pkg:github/denoland/deno@v${runtime}`,
  };
  const direct = Object.entries(lock.specifiers).map(([specifier, version]) => {
    const name = /^npm:(@?[^@]+)/.exec(specifier)?.[1];
    if (name === undefined) throw new Error(`deno.lock: ${specifier} is no package of npm`);
    return keyOf(keys, `${name}@${version}`, specifier);
  });
  const dependencies = [
    { ref: root, dependsOn: [platform["bom-ref"], ...sorted(direct)] },
    { ref: platform["bom-ref"], dependsOn: [] },
    ...keys.map((key) => {
      const { dependencies = [], optionalDependencies = [] } = lock.npm[key]!;
      const wanted = [
        ...dependencies.map((each) => keyOf(keys, each, key)),
        // Those for other systems are not locked.
        ...optionalDependencies.filter((each) => found(keys, each)).map((each) =>
          keyOf(keys, each, key)
        ),
      ];
      return { ref: key, dependsOn: sorted(wanted) };
    }),
  ];
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify([lock, program, runtime]))}`,
    version: 1,
    metadata: { component: { type: "application", "bom-ref": root, ...program } },
    components: [
      platform,
      ...keys.map((key) => componentOf(key, lock.npm[key]!, bundled.get(key)?.license)),
    ],
    dependencies,
  };
}

/** @param license left out: the package is not in the program */
function componentOf(
  key: string,
  { integrity }: LockedPackage,
  license: string | undefined,
): Component {
  const [, name, version] = /^(@?[^@]+)@([^_]+)/.exec(key) ?? [];
  const [, digest] = /^sha512-(.+)$/.exec(integrity) ?? [];
  if (name === undefined || version === undefined || digest === undefined) {
    throw new Error(`deno.lock: ${key} has no name, version or SHA-512 (${integrity})`);
  }
  return {
    type: "library",
    "bom-ref": key,
    name,
    version,
    purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
    scope: license === undefined ? "excluded" : "required",
    hashes: [{ alg: "SHA-512", content: Uint8Array.fromBase64(digest).toHex() }],
    ...(license === undefined ? {} : { licenses: [{ expression: license }] }),
  };
}

function keyOf(keys: readonly string[], wanted: string, by: string): string {
  const key = found(keys, wanted);
  if (key === undefined) throw new Error(`deno.lock: ${by} asks for ${wanted}, which is not there`);
  return key;
}

/** A dependency is named by its whole key, or by less where that is enough. */
function found(keys: readonly string[], wanted: string): string | undefined {
  return keys.find((key) => key === wanted) ??
    keys.find((key) => key.startsWith(`${wanted}_`) || key.startsWith(`${wanted}@`));
}

function sorted(refs: readonly string[]): string[] {
  return [...new Set(refs)].sort();
}

/** A UUID (version 8, RFC 9562) of what is told of, so that the same is called the same. */
function uuidOf(text: string): string {
  const hex = hash("sha256", text, "hex");
  const variant = "89ab"[parseInt(hex[16]!, 16) % 4];
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join("-");
}
