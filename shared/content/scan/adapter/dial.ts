/** Connections to scanners. Only for a process that may use the network, which a guard may not. */
import { connect } from 'node:net';
import type { Dial } from '../scanner.ts';

export type ScannerAddress =
  | { readonly path: string }
  | { readonly host: string; readonly port: number };

export function dialTo(address: ScannerAddress): Dial {
  // Content follows its length in a write of its own.
  return () => connect(address).setNoDelay(true);
}
