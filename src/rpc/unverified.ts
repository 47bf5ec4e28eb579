/**
 * Why a server's certificate was not verified. This runtime says the same of one that has ended, of one
 * that is not valid yet, and of one by an authority that nobody trusts here.
 *
 * @module
 */

import { isIP } from "node:net";
import { connect, type PeerCertificate } from "node:tls";

/** How long it may take to look at the certificate, in ms. */
const LOOK_MS = 500;

/** Whether `fault`, in the words of the TLS library, leaves open what is wrong with the certificate. */
export function leavesCertificateOpen(fault: string): boolean {
  return fault.includes("unable to verify the first certificate");
}

/**
 * What is wrong with the certificate that `host` shows at `port`: a look at its dates over a connection that
 * trusts nobody and carries nothing; a server that wants certificates notes it as one without (`no_certificate`).
 * Undefined where there is no certificate to be had in half a second.
 */
export async function certificateFault(host: string, port: number): Promise<string | undefined> {
  const shown = await certificateAt(host, port);
  if (shown === undefined) return undefined;
  const [fromMs, untilMs] = [Date.parse(shown.valid_from), Date.parse(shown.valid_to)];
  const nowMs = Date.now();
  if (nowMs >= untilMs) {
    return `its certificate expired at ${instant(untilMs)}: renew it there, or compare the clocks`;
  }
  if (nowMs < fromMs) {
    return `its certificate is not valid before ${instant(fromMs)}: compare the clocks`;
  }
  return "its certificate is of no authority that is trusted here (security.tls.ca_file, --ca-cert)";
}

function certificateAt(host: string, port: number): Promise<PeerCertificate | undefined> {
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ALPNProtocols: ["h2"],
      rejectUnauthorized: false,
      timeout: LOOK_MS,
    }, () => end(socket.getPeerCertificate()));
    const end = (shown?: PeerCertificate) => {
      resolve(shown);
      socket.destroy();
    };
    for (const event of ["timeout", "error", "close"]) socket.on(event, () => end());
  });
}

function instant(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
