/** Connections to scanners. Only for a process that may use the network, which a guard may not. */
import { connect } from 'node:net';
import type { Dial } from '../scanner.ts';

export type ScannerAddress =
  | { readonly path: string }
  | { readonly host: string; readonly port: number };

export function dialTo(address: ScannerAddress): Dial {
  return () => connect(address);
}
