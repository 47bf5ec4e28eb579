/**
 * Every RPC that there is, found in what is generated from the .proto files, so that none is forgotten.
 *
 * @module
 */

import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { methodPath } from "../../src/rpc/mod.ts";

const GENERATED = new URL("../../src/rpc/gen/", import.meta.url);

/** All methods of all services, by their full name: `/proto.MasterService/SubmitJob`. */
export async function everyMethod(): Promise<ReadonlyMap<string, DescMethod>> {
  const methods = new Map<string, DescMethod>();
  for await (const module of modulesBelow(GENERATED)) {
    for (const exported of Object.values(await import(module.href))) {
      if (!isService(exported)) continue;
      for (const method of exported.methods) methods.set(methodPath(method), method);
    }
  }
  return methods;
}

async function* modulesBelow(directory: URL): AsyncGenerator<URL> {
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    if (isDirectory) yield* modulesBelow(new URL(`${name}/`, directory));
    else if (name.endsWith("_pb.ts")) yield new URL(name, directory);
  }
}

function isService(exported: unknown): exported is DescService {
  return typeof exported === "object" && exported !== null && "kind" in exported &&
    exported.kind === "service";
}
