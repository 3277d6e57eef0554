/**
 * Scanners: programs that know what is harmful. Whatever keeps one from saying that content is clean —
 * its absence, its limits, a time-out, signatures that are too old, an odd answer — is a failure, and a
 * failure never lets anything pass.
 */
import type { Duplex } from 'node:stream';
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';

/** Why a scanner did not say that content is clean, other than that it is not. */
export const scanFailures = ['away', 'timeout', 'limit', 'stale', 'blind', 'answer'] as const;
export type ScanFailure = (typeof scanFailures)[number];

export type Verdict =
  | { readonly verdict: 'clean' }
  | { readonly verdict: 'found'; readonly name: string }
  | { readonly verdict: 'failed'; readonly failure: ScanFailure };

/** One scanner. Never rejects: what goes wrong is a verdict. */
export interface Scanner {
  readonly name: string;
  /** `signal`: it has failed by time-out when it fires. */
  scan(content: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<Verdict>;
}

/** Opens a connection to a scanner; fails by an error event. */
export type Dial = () => Duplex;

/** What one scanner said. */
export type Named = Verdict & { readonly scanner: string };

/** Asks all at once; none is spared where another has found something. */
export function verdictsOf(
  scanners: readonly Scanner[],
  content: Buffer,
  signal?: AbortSignal,
): Promise<Named[]> {
  return Promise.all(
    scanners.map(async (scanner) => ({
      scanner: scanner.name,
      ...(await scanner.scan(inPieces(content), signal)),
    })),
  );
}

/** Errors: SCAN_FOUND, SCAN_FAILED. Content that every scanner calls clean returns. */
export function expectClean(verdicts: readonly Named[]): void {
  const failed = (reason: string): SallyportError =>
    new SallyportError('SCAN_FAILED', `expected every scanner to say clean, got ${reason}`, {
      hint: 'see that the scanner runs, answers in time and has fresh signatures',
    });
  if (verdicts.length === 0) throw failed('no scanner');
  const found = verdicts.find(({ verdict }) => verdict === 'found');
  if (found?.verdict === 'found') {
    throw new SallyportError('SCAN_FOUND', `${found.scanner} found ${found.name}`, {
      hint: 'do not send it again; look at where it came from',
    });
  }
  for (const verdict of verdicts) {
    if (verdict.verdict === 'failed') throw failed(`${verdict.failure} from ${verdict.scanner}`);
  }
}

/** Ends work with a scanner by a failure. */
export class ScanFailed extends Error {
  readonly failure: ScanFailure;
  constructor(failure: ScanFailure) {
    super(failure);
    this.failure = failure;
  }
}

/** One conversation on a connection of its own, at most `timeoutMs` long. Never rejects. */
export async function converse(
  dial: Dial,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
  talk: (stream: Duplex) => Promise<Verdict>,
): Promise<Verdict> {
  if (signal?.aborted) return { verdict: 'failed', failure: 'timeout' };
  const stream = dial();
  const failure = (thrown: unknown): Verdict => ({
    verdict: 'failed',
    failure: thrown instanceof ScanFailed ? thrown.failure : 'away',
  });
  const { promise, reject } = Promise.withResolvers<never>();
  const giveUp = (): void => reject(new ScanFailed('timeout'));
  const timer = setTimeout(giveUp, timeoutMs);
  signal?.addEventListener('abort', giveUp);
  stream.on('error', reject);
  try {
    return await Promise.race([talk(stream), promise]);
  } catch (thrown) {
    return failure(thrown);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', giveUp);
    stream.destroy();
  }
}

/** Writes and waits until there is room for more. A connection that is cut rejects. */
export function send(stream: Duplex, bytes: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

/** Pieces of content with no more bytes than may be scanned. Errors: ScanFailed limit. */
export async function* bounded(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const piece of content) {
    bytes += piece.length;
    if (bytes > limits.scanBytesMax) throw new ScanFailed('limit');
    if (piece.length > 0) yield piece;
  }
}

/**
 * What a scanner found, by its name for it. Errors: ScanFailed limit where it only says so that it stopped
 * looking, as ClamAV does with `AlertExceedsMax`.
 */
export function foundVerdict(name: string): Verdict {
  if (name.startsWith('Heuristics.Limits.Exceeded')) throw new ScanFailed('limit');
  return { verdict: 'found', name: shownName(name) };
}

/** A name that a scanner gave, fit for a log. */
export function shownName(name: string): string {
  return name.replace(/[^\w.:/ -]/g, '?').slice(0, 120);
}

/** Reads a connection by delimiters. */
export function createReplies(stream: Duplex): { until(delimiter: string): Promise<string> } {
  const pieces = stream[Symbol.asyncIterator]();
  let text = '';
  return {
    /** What comes before the delimiter. Errors: ScanFailed answer, where it is too long or never comes. */
    async until(delimiter) {
      for (;;) {
        const end = text.indexOf(delimiter);
        if (end >= 0) {
          const before = text.slice(0, end);
          text = text.slice(end + delimiter.length);
          return before;
        }
        if (text.length > limits.scanReplyBytesMax) throw new ScanFailed('answer');
        const next = await pieces.next();
        if (next.done === true) throw new ScanFailed('answer');
        text += (next.value as Buffer).toString('latin1');
      }
    },
  };
}

async function* inPieces(content: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += limits.scanPieceBytes) {
    yield content.subarray(at, at + limits.scanPieceBytes);
  }
}
