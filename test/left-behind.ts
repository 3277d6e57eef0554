/**
 * What the nodes of a test left behind, searched at its end: whatever a test is about, no log, no sealed
 * package and no store of an inner node may hold a person's number or a credential in clear. The samples
 * and the registry of the tests are full of both.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isResidentId } from '@sallyport/shared/detect/checks.ts';

/** Below a test's folder: each `place: what` that may not be there. */
export function leftBehind(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => searched.test(name))
    .map((name) => join(dir, name))
    .filter((file) => {
      const found = statSync(file, { throwIfNoEntry: false });
      return found?.isFile() === true && found.size <= bytesMax;
    })
    .flatMap((file) => secretsIn(file).map((what) => `${relative(dir, file)}: ${what}`));
}

/** Logs, what lies in spool and archive, and the store of an inner node, which keeps no body. */
const searched =
  /(?:^|\/)(?:log\/[^/]+\.log[^/]*|(?:spool|archive)\/.*|run\/[^/]+|inner[^/]*\/data\/[^/]+)$/;
/** Stores of long runs; what is in them is in short runs too. */
const bytesMax = 128 * 1024 * 1024;

const residentId = /(?<![0-9A-Za-z_])[1-9][0-9]{16}[0-9X](?![0-9A-Za-z_])/g;
const apiKey = /sp_[0-9a-f]{12}_[A-Za-z0-9_-]{43}/;

function secretsIn(file: string): string[] {
  const text = readFileSync(file, 'latin1');
  const hasId = [...text.matchAll(residentId)].some(([digits]) => isResidentId(digits));
  return [...(hasId ? ['a resident ID'] : []), ...(apiKey.test(text) ? ['an API key'] : [])];
}
