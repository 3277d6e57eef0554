import type { NodeConfig } from '../../config/config.ts';
import { dialTo, type ScannerAddress } from '../../content/scan/adapter/dial.ts';
import { clamdScanner } from '../../content/scan/clamd.ts';
import { icapScanner } from '../../content/scan/icap.ts';
import type { Scanner } from '../../content/scan/scanner.ts';
import { sighted } from '../../content/scan/sighted.ts';
import { reportTrouble } from '../child.ts';
import type { Start } from '../node.ts';
import { runScanner } from '../scanner/scanner.ts';

export const start: Start = async ({ home: { config }, wires, log }) =>
  runScanner({
    guard: wires('guard'),
    admin: wires('admin'),
    scanners: config.scanners.map((one) => sighted(scannerOf(one), () => performance.now())),
    log,
    tellTrouble: reportTrouble,
  });

function scannerOf(config: NodeConfig['scanners'][number]): Scanner {
  const { name, timeoutMs } = config;
  if (config.kind === 'icap') {
    return icapScanner(dialTo(placeOf(config.url)), config.url, { name, timeoutMs });
  }
  const { socket, address, databaseAgeHoursMax, timeZone = ownZone() } = config;
  // The configuration has one of the two.
  const at: ScannerAddress = address ?? { path: socket ?? '' };
  const databaseAgeMs = databaseAgeHoursMax * 3_600_000;
  return clamdScanner(dialTo(at), Date.now, { name, timeoutMs, databaseAgeMs, timeZone });
}

/** A clamd on this machine runs in its zone. */
const ownZone = (): string => new Intl.DateTimeFormat().resolvedOptions().timeZone;

function placeOf(url: string): ScannerAddress {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? icapPort : Number(port) };
}

/** RFC 3507 §4.2. */
const icapPort = 1344;
