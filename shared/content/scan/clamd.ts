/**
 * clamd by its own protocol (clamd(8)): VERSION, then INSTREAM on a connection of its own.
 *
 *   zVERSION\0 ─▶ ClamAV 1.4.6/27823/Mon Nov 23 09:26:11 2026
 *   zINSTREAM\0 length piece length piece … 0 ─▶ stream: OK
 */
import { limits } from '../../limits.ts';
import { momentOf } from '../../zones.ts';
import {
  bounded,
  converse,
  createReplies,
  type Dial,
  foundVerdict,
  ScanFailed,
  type Scanner,
  send,
  type Verdict,
} from './scanner.ts';

export interface ClamdOptions {
  readonly name?: string;
  /** For each of its two conversations. */
  readonly timeoutMs?: number;
  /** Older signatures are stale. */
  readonly databaseAgeMs?: number;
  /** In which clamd runs: it tells the date of its signatures by its own clock. */
  readonly timeZone?: string;
}

/** A clamd behind `dial`. `now`: the clock against which the age of its signatures is measured. */
export function clamdScanner(dial: Dial, now: () => number, options: ClamdOptions = {}): Scanner {
  const { name = 'clamd', timeoutMs = limits.scanTimeoutMs } = options;
  const { databaseAgeMs = limits.scanDatabaseAgeMs, timeZone = 'UTC' } = options;
  return {
    name,
    async scan(content, signal) {
      const fresh = await converse(dial, { timeoutMs, signal }, async (stream) => {
        await send(stream, 'zVERSION\0');
        const madeMs = dateOf(await createReplies(stream).until('\0'), timeZone);
        expectFresh(now() - madeMs, databaseAgeMs);
        return { verdict: 'clean' };
      });
      if (fresh.verdict !== 'clean') return fresh;
      return converse(dial, { timeoutMs, signal }, async (stream) => {
        const replies = createReplies(stream);
        // It may answer before the end, when its limit is reached, and hang up.
        const answer = replies.until('\0');
        answer.catch(() => {});
        const sent = sendAll(stream, content);
        sent.catch(() => {});
        await Promise.race([sent, answer]);
        return verdictOf(await answer);
      });
    },
  };
}

async function sendAll(
  stream: Parameters<typeof send>[0],
  content: AsyncIterable<Uint8Array>,
): Promise<void> {
  await send(stream, 'zINSTREAM\0');
  for await (const piece of bounded(content)) {
    await send(stream, lengthOf(piece.length));
    await send(stream, piece);
  }
  await send(stream, lengthOf(0));
}

function lengthOf(bytes: number): Buffer {
  const field = Buffer.alloc(4);
  field.writeUInt32BE(bytes);
  return field;
}

/**
 * When its signatures were made. NaN for a version without a date: that of a clamd without a database worth
 * the name.
 */
function dateOf(version: string, timeZone: string): number {
  const date = /^ClamAV [^/]+\/\d+\/(.+)$/.exec(version)?.[1];
  const localMs = date === undefined ? Number.NaN : Date.parse(`${date} UTC`);
  return (Number.isNaN(localMs) ? undefined : momentOf(localMs, timeZone)) ?? Number.NaN;
}

/** Signatures of the future are those of a wrong zone or a wrong clock, whose age nobody knows. */
function expectFresh(ageMs: number, mostMs: number): void {
  if (!(ageMs <= mostMs && ageMs >= -limits.scanDatabaseAheadMs)) throw new ScanFailed('stale');
}

function verdictOf(answer: string): Verdict {
  if (answer === 'stream: OK') return { verdict: 'clean' };
  const name = /^stream: (.+) FOUND$/.exec(answer)?.[1];
  if (name === undefined) throw new ScanFailed(answer.includes('limit') ? 'limit' : 'answer');
  return foundVerdict(name);
}
