/**
 * The environments that the files in deploy/ give to masters and workers.
 *
 * @module
 */

import { parse, parseAllDocuments } from "yaml";

/** One process that a file of deploy/ starts. */
export interface Deployed {
  /** File and name in it. */
  readonly name: string;
  readonly role: "master" | "worker";
  readonly env: Readonly<Record<string, string>>;
}

/** What stands for secrets, which files in a repository have none of. */
const SECRET = "0123456789abcdef0123456789abcdef-for-tests";

interface ComposeService {
  readonly command?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** The services of a compose file. */
export async function composeServices(path: URL): Promise<Deployed[]> {
  const file = parse(await Deno.readTextFile(path), { merge: true }) as {
    readonly services: Readonly<Record<string, ComposeService>>;
  };
  return Object.entries(file.services).map(([name, { command, environment }]) => ({
    name: `compose.yaml: ${name}`,
    role: command?.[0] === "worker" ? "worker" : "master",
    env: environment,
  }));
}

/** An environment file of systemd, its empty secrets filled in. */
export async function environmentFile(
  path: URL,
  role: Deployed["role"],
  secrets: readonly string[],
): Promise<Deployed> {
  const env: Record<string, string> = {};
  for (const line of (await Deno.readTextFile(path)).split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const equals = line.indexOf("=");
    const name = line.slice(0, equals);
    env[name] = secrets.includes(name) ? SECRET : line.slice(equals + 1);
  }
  return { name: path.pathname, role, env };
}

/** As much of a Kubernetes object as is looked at here. */
export interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly serviceName?: string;
    readonly clusterIP?: string;
    readonly publishNotReadyAddresses?: boolean;
    readonly maxUnavailable?: number;
    readonly selector?: Labels & { readonly matchLabels?: Labels };
    readonly ports?: readonly { readonly name: string; readonly targetPort: string }[];
    readonly template?: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec };
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
  };
}

/** Labels of a pod, or what selects it by them. */
export type Labels = Readonly<Record<string, string>>;

interface PodSpec {
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: { readonly runAsNonRoot: boolean; readonly runAsUser: number };
  readonly affinity?: {
    readonly podAntiAffinity: {
      readonly requiredDuringSchedulingIgnoredDuringExecution: readonly Spread[];
    };
  };
  readonly topologySpreadConstraints?: readonly Spread[];
  readonly volumes: readonly {
    readonly name: string;
    readonly secret?: { readonly secretName: string; readonly defaultMode: number };
  }[];
  readonly containers: readonly Container[];
}

/** What keeps pods of one kind apart. */
interface Spread {
  readonly topologyKey: string;
  readonly labelSelector: { readonly matchLabels: Labels };
}

/** A container of a pod. */
export interface Container {
  readonly name: string;
  readonly args: readonly string[];
  readonly env: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly fieldRef?: unknown; readonly secretKeyRef?: unknown };
  }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
  }[];
  readonly resources: {
    readonly requests?: { readonly cpu?: string; readonly memory?: string };
    readonly limits?: { readonly memory?: string };
  };
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string; readonly scheme: string };
}

/** All objects of the manifests. */
export async function manifestsIn(directory: URL): Promise<Manifest[]> {
  const found: Manifest[] = [];
  for await (const { name } of Deno.readDir(directory)) {
    if (!name.endsWith(".yaml") || name === "kustomization.yaml") continue;
    const text = await Deno.readTextFile(new URL(name, directory));
    for (const document of parseAllDocuments(text)) found.push(document.toJS() as Manifest);
  }
  return found;
}

/** A pod's environment as the kubelet makes it for the pod of this name. */
export function podEnvironment(
  { env }: Container,
  configuration: Readonly<Record<string, string>>,
  podName: string,
): Record<string, string> {
  const made: Record<string, string> = { ...configuration };
  for (const { name, value, valueFrom } of env) {
    const given = valueFrom === undefined
      ? value ?? ""
      : valueFrom.fieldRef !== undefined
      ? podName
      : SECRET;
    made[name] = given.replace(/\$\((\w+)\)/g, (_, other: string) => made[other] ?? "");
  }
  return made;
}
