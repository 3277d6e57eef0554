/** The guard's end of the scanner process. What it answers is looked at like any other stranger's word. */
import { type Named, scanFailures, shownName } from '../../content/scan/scanner.ts';
import { asSallyportError, SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Role } from '../../ports.ts';
import type { IpcPeer } from '../ipc/peer.ts';

/** Has content scanned; scanners that need longer have failed. Errors: SCAN_FAILED, OVERLOADED. */
export type Scan = (content: Buffer, withinMs: number) => Promise<readonly Named[]>;

/** `names`: the scanners of the node; without any nothing is ever clean. */
export function createScan(peer: Pick<IpcPeer, 'request'>, names: readonly string[]): Scan {
  return async (content, withinMs) => {
    if (names.length === 0) throw failed('no scanner in the configuration');
    if (content.length > limits.scanBytesMax) {
      throw failed(`${content.length} bytes, more than may be scanned`);
    }
    try {
      // A timer may fire a moment early.
      const most = Math.min(Math.ceil(withinMs) + 1, longestMs);
      const { head } = await peer.request('scan', { withinMs: most }, content, most + graceMs);
      return readVerdicts(head, names);
    } catch (thrown) {
      const error = asSallyportError(thrown);
      if (error.code === 'OVERLOADED' || error.code === 'SCAN_FAILED') throw error;
      throw failed(`no verdict: ${error.message}`, error);
    }
  };
}

/** The inner node decides; an outer one without scanners leaves it to that. */
export function scanFor(
  role: Role,
  peer: Pick<IpcPeer, 'request'>,
  names: readonly string[],
): Scan | undefined {
  return role === 'inner' || names.length > 0 ? createScan(peer, names) : undefined;
}

/** A scanner may take its time for each of two conversations. */
const longestMs = 2 * limits.scanTimeoutMs;
const graceMs = 2_000;

/** One verdict of each scanner, in their order. Errors: SCAN_FAILED. */
function readVerdicts(head: unknown, names: readonly string[]): Named[] {
  const { verdicts } = (head ?? {}) as { verdicts?: unknown };
  if (!Array.isArray(verdicts) || verdicts.length !== names.length) {
    throw failed('an answer of another form');
  }
  return verdicts.map((one: unknown, index) => {
    const { scanner, verdict, name, failure } = (one ?? {}) as Record<string, unknown>;
    if (scanner !== names[index]) throw failed('a verdict of another scanner');
    if (verdict === 'clean') return { scanner, verdict };
    if (verdict === 'found' && typeof name === 'string') {
      return { scanner, verdict, name: shownName(name) };
    }
    const known = scanFailures.find((word) => word === failure);
    if (verdict === 'failed' && known !== undefined) return { scanner, verdict, failure: known };
    throw failed('a verdict of another form');
  }) as Named[];
}

function failed(got: string, cause?: unknown): SallyportError {
  return new SallyportError('SCAN_FAILED', `expected every scanner to say clean, got ${got}`, {
    hint: 'see that the scanners of config.yaml run; docs/operating/scanners.md',
    cause,
  });
}
