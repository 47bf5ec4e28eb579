/**
 * Which route a request is for: by exact path, else by a template such as `/jobs/{job_id}/logs`.
 *
 * @module
 */

/** What can be routed to. */
export interface Routable {
  /** From the first slash. A segment `{name}` stands for any one segment. */
  readonly path: string;
  /** Default GET; whoever takes GET takes HEAD. */
  readonly methods?: readonly string[];
  /** It is not told of to whoever asks for what there is not. */
  readonly isUnlisted?: true;
}

/** What a path leads to. */
export interface Found<R> {
  /** By method; HEAD is there where GET is. */
  readonly byMethod: ReadonlyMap<string, R>;
  /** What stands for the names of the template. */
  readonly params: Readonly<Record<string, string>>;
}

/** Two routes of one path and method. */
export class RouteTaken extends Error {
  override name = "RouteTaken";
  constructor(readonly path: string) {
    super(`${path} is served twice`);
  }
}

/** Finds routes. Exact paths win over templates, and templates are asked in the order they came. */
export class Router<R extends Routable> {
  readonly #exact = new Map<string, Map<string, R>>();
  readonly #templates = new Map<string, { segments: string[]; byMethod: Map<string, R> }>();

  /** @throws RouteTaken */
  constructor(routes: readonly R[]) {
    for (const route of routes) {
      const byMethod = this.#methodsAt(route.path);
      for (const method of methodsOf(route)) {
        if (byMethod.has(method)) throw new RouteTaken(route.path);
        byMethod.set(method, route);
      }
    }
  }

  /** Paths to be told of, in order; templates are not. */
  get listedPaths(): string[] {
    return [...this.#exact].filter(([, byMethod]) =>
      [...byMethod.values()].some(({ isUnlisted }) => isUnlisted !== true)
    ).map(([path]) => path).sort();
  }

  /** Undefined: there is nothing at that path. */
  find(path: string): Found<R> | undefined {
    const byMethod = this.#exact.get(path);
    if (byMethod !== undefined) return { byMethod, params: {} };
    const given = path.split("/");
    for (const { segments, byMethod } of this.#templates.values()) {
      const params = matched(segments, given);
      if (params !== undefined) return { byMethod, params };
    }
    return undefined;
  }

  #methodsAt(path: string): Map<string, R> {
    const at = path.includes("{") ? this.#templates.get(path)?.byMethod : this.#exact.get(path);
    if (at !== undefined) return at;
    const byMethod = new Map<string, R>();
    if (path.includes("{")) this.#templates.set(path, { segments: path.split("/"), byMethod });
    else this.#exact.set(path, byMethod);
    return byMethod;
  }
}

/** The methods that a route takes, HEAD among them where GET is. */
function methodsOf(route: Routable): string[] {
  const methods = [...route.methods ?? ["GET"]];
  if (methods.includes("GET")) methods.push("HEAD");
  return methods;
}

function matched(
  segments: readonly string[],
  given: readonly string[],
): Record<string, string> | undefined {
  if (segments.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, segment] of segments.entries()) {
    const value = given[index] ?? "";
    if (!segment.startsWith("{")) {
      if (segment !== value) return undefined;
      continue;
    }
    const text = decodedSegment(value);
    if (text === undefined || text === "") return undefined;
    params[segment.slice(1, -1)] = text;
  }
  return params;
}

/** Undefined: its percent signs encode nothing. */
function decodedSegment(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
