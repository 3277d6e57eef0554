/**
 * A scanner that looks at nothing says "clean" to everything: one with no signatures, or an ICAP service
 * that passes what it is not told to scan. So each must find the EICAR test file, which every scanner
 * knows, before its word counts, and again from time to time.
 */
import { limits } from '../../limits.ts';
import type { Scanner } from './scanner.ts';

/** `steady`: milliseconds on a clock that is never set. */
export function sighted(
  scanner: Scanner,
  steady: () => number,
  everyMs: number = limits.scanSightMs,
): Scanner {
  let seenAtMs = Number.NEGATIVE_INFINITY;
  return {
    name: scanner.name,
    async scan(content, signal) {
      if (steady() - seenAtMs > everyMs) {
        const verdict = await scanner.scan(eicar(), signal);
        if (verdict.verdict === 'failed') return verdict;
        if (verdict.verdict === 'clean') return { verdict: 'failed', failure: 'blind' };
        seenAtMs = steady();
      }
      return scanner.scan(content, signal);
    },
  };
}

/** In two parts, so that no scanner finds it in this file. */
async function* eicar(): AsyncGenerator<Buffer> {
  yield Buffer.from('X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD');
  yield Buffer.from('-ANTIVIRUS-TEST-FILE!$H+H*');
}
