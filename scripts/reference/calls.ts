/**
 * docs/reference/api.md, from the .proto files, the access policies and the table of HTTP routes.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { API_ROOT, API_ROUTES } from "../../src/api/mod.ts";
import { loadPolicies } from "../../src/security/mod.ts";
import { code, opening, table } from "./markdown.ts";

/** The parts of a FileDescriptorSet as JSON that a page is made of. */
interface FileDescriptor {
  readonly name: string;
  readonly package?: string;
  readonly messageType?: readonly Message[];
  readonly enumType?: readonly Enumeration[];
  readonly service?: readonly Service[];
  readonly sourceCodeInfo: { readonly location: readonly Location[] };
}
interface Location {
  readonly path?: readonly number[];
  readonly leadingComments?: string;
  readonly trailingComments?: string;
}
interface Service {
  readonly name: string;
  readonly method: readonly Method[];
}
interface Method {
  readonly name: string;
  readonly inputType: string;
  readonly outputType: string;
  readonly clientStreaming?: boolean;
  readonly serverStreaming?: boolean;
}
interface Message {
  readonly name: string;
  readonly field?: readonly Field[];
  readonly nestedType?:
    readonly (Message & { readonly options?: { readonly mapEntry?: boolean } })[];
}
interface Field {
  readonly name: string;
  readonly number: number;
  readonly label: string;
  readonly type: string;
  readonly typeName?: string;
}
interface Enumeration {
  readonly name: string;
  readonly value: readonly { readonly name: string; readonly number: number }[];
}

/** Numbers of fields in descriptor.proto, by which comments are found. */
const AT = { message: 4, enumeration: 5, service: 6, field: 2, method: 2, value: 2 } as const;
const FILES = ["scheduler.proto", "security.proto", "worker.proto"];

const INTRODUCTION =
  `What other programs may call: gRPC at \`grpc.master_port\`, and the same as JSON over HTTP at
\`cluster.http_port\`. The .proto files are in [proto/](../../proto); masters serve them by reflection, and the OpenAPI document of the
HTTP API at \`${API_ROOT}/openapi.json\`. Calls carry a token as \`authorization: Bearer TOKEN\`. The permission is what the caller's roles
must hold where roles are enforced; [config/rbac-policies.json](../../config/rbac-policies.json) says which roles hold which.`;

/** The page. */
export async function apiPage(): Promise<string> {
  const files = await descriptors();
  const policies = await loadPolicies();
  const needs = (method: string) => policies.permissionsFor(method)?.map(code).join(" or ") ?? "";
  return [
    opening("API", INTRODUCTION),
    "## HTTP",
    table(["route", "what", "gRPC"], [
      ...API_ROUTES.map((row) => [
        code(`${row.verb} ${API_ROOT}${row.path}`),
        row.summary,
        "rpc" in row ? code(capitalised(row.rpc)) : "",
      ]),
    ]),
    ...files.flatMap((file) =>
      (file.service ?? []).map((each, at) => service(file, each, at, needs))
    ),
    "## Messages",
    ...files.flatMap((file) => (file.messageType ?? []).map((each, at) => message(file, each, at))),
    ...files.flatMap((file) =>
      (file.enumType ?? []).map((each, at) => enumeration(file, each, at))
    ),
  ].join("\n\n") + "\n";
}

async function descriptors(): Promise<FileDescriptor[]> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-lock", "--quiet", "npm:@bufbuild/buf@1.74.0"],
      ...["build", "--as-file-descriptor-set", "--output", "-#format=json"],
    ],
    cwd: fileURLToPath(new URL("../../proto/", import.meta.url)),
  }).output();
  if (!success) throw new Error(`buf build failed: ${new TextDecoder().decode(stderr)}`);
  const all = (JSON.parse(new TextDecoder().decode(stdout)) as { file: FileDescriptor[] }).file;
  return FILES.map((name) => {
    const found = all.find((file) => file.name === name);
    if (found === undefined) throw new Error(`buf knows no ${name}`);
    return found;
  });
}

function service(
  file: FileDescriptor,
  { name, method }: Service,
  at: number,
  needs: (method: string) => string,
): string {
  return [
    `## ${name}`,
    ...said(file, [AT.service, at]),
    table(
      ["call", "takes", "answers", "permission", "what"],
      method.map((each, index) => [
        code(each.name),
        streamed(each.clientStreaming, each.inputType),
        streamed(each.serverStreaming, each.outputType),
        needs(`/${file.package}.${name}/${each.name}`),
        said(file, [AT.service, at, AT.method, index]).join(" "),
      ]),
    ),
  ].join("\n\n");
}

function streamed(isStream: boolean | undefined, type: string): string {
  return `${isStream === true ? "stream of " : ""}${link(type)}`;
}

function message(file: FileDescriptor, { name, field = [], nestedType = [] }: Message, at: number) {
  const maps = new Map(
    nestedType.filter(({ options }) => options?.mapEntry === true).map((each) => [each.name, each]),
  );
  return [
    `### ${name}`,
    ...said(file, [AT.message, at]),
    ...(field.length === 0 ? [] : [
      table(
        ["field", "type", "no.", "what"],
        field.map((each, index) => [
          code(each.name),
          typeOf(each, maps),
          String(each.number),
          said(file, [AT.message, at, AT.field, index]).join(" "),
        ]),
      ),
    ]),
  ].join("\n\n");
}

function typeOf(field: Field, maps: ReadonlyMap<string, Message>): string {
  const entry = maps.get(field.typeName?.split(".").at(-1) ?? "");
  const [key, value] = entry?.field ?? [];
  if (key !== undefined && value !== undefined) {
    return `map of ${typeOf(key, maps)} to ${typeOf(value, maps)}`;
  }
  const one = field.typeName === undefined
    ? field.type.replace("TYPE_", "").toLowerCase()
    : link(field.typeName);
  return field.label === "LABEL_REPEATED" ? `list of ${one}` : one;
}

function enumeration(file: FileDescriptor, { name, value }: Enumeration, at: number): string {
  return [
    `### ${name}`,
    ...said(file, [AT.enumeration, at]),
    table(
      ["value", "no.", "what"],
      value.map((each, index) => [
        code(each.name),
        String(each.number),
        said(file, [AT.enumeration, at, AT.value, index]).join(" "),
      ]),
    ),
  ].join("\n\n");
}

/** What the file says before or behind a place, as one paragraph. */
function said({ sourceCodeInfo }: FileDescriptor, path: readonly number[]): string[] {
  const found = sourceCodeInfo.location.find((each) => String(each.path ?? []) === String(path));
  const text = [found?.leadingComments, found?.trailingComments].filter(Boolean).join(" ");
  const paragraph = text.replaceAll(/\s+/g, " ").trim();
  return paragraph === "" ? [] : [paragraph];
}

function link(typeName: string): string {
  const name = typeName.split(".").at(-1) ?? typeName;
  return typeName.startsWith(".google.")
    ? code(typeName.slice(1))
    : `[${name}](#${name.toLowerCase()})`;
}

function capitalised(name: string): string {
  return `${name[0]?.toUpperCase()}${name.slice(1)}`;
}
