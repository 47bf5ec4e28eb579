/** The X.509 library's module, once loaded. */
export type X509 = typeof import("@peculiar/x509");

let loading: Promise<X509> | undefined;

/**
 * Loads `@peculiar/x509` the first time that TLS is used. It costs about a tenth of a second, which
 * a command that speaks plain gRPC should not pay. `reflect-metadata` is a polyfill that the library
 * insists on and that must come first.
 */
export function loadX509(): Promise<X509> {
  loading ??= import("reflect-metadata").then(() => import("@peculiar/x509"));
  return loading;
}
