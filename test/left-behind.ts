/**
 * What the nodes of a test left behind, searched at its end: whatever a test is about, no log, no sealed
 * package and no store of an inner node may hold a person's number or a credential in clear, and no file at
 * all the PIN or a key of a node but its own. Samples and registry of the tests are full of the former.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isResidentId } from '@sallyport/shared/detect/checks.ts';
import type { Declared } from './declared.ts';

/** Below a test's folder: each `place: what` that may not be there. */
export function leftBehind(dir: string): string[] {
  if (!existsSync(dir)) return [];
  const own = ownSecrets(dir);
  return filesIn(dir)
    .filter((name) => searched.test(name) || written.test(name))
    .flatMap((name) => {
      const text = readFileSync(join(dir, name), 'latin1');
      const others = searched.test(name) ? secretsIn(text) : [];
      const found = own.filter(({ value }) => text.includes(value)).map(({ name }) => name);
      return [...others, ...found].map((what) => `${name}: ${what}`);
    });
}

/** PINs, TLS keys and secrets of plug-ins of the nodes below a folder: each has one place, its own. */
export function ownSecrets(dir: string): Declared[] {
  if (!existsSync(dir)) return [];
  return filesIn(dir).flatMap((name) => {
    const kind = kinds.find(({ of }) => of.test(name));
    if (kind === undefined) return [];
    const lines = readFileSync(join(dir, name), 'utf8').split('\n');
    const value = (lines[kind.line] ?? '').trim();
    return value.length < lengthMin ? [] : [{ name: kind.name, value }];
  });
}

const kinds = [
  { name: 'PIN', of: /(?:^|\/)keys\/pin$|\.pin$/, line: 0 },
  { name: 'secret of a plug-in', of: /(?:^|\/)keys\/plugins\/[^/]+$/, line: 0 },
  // The second line of a PEM: the first says what it is.
  { name: 'TLS key', of: /(?:^|\/)tls\/[^/]+\.key$/, line: 1 },
] as const;
/** Shorter ones, which a test made up, chance would find. */
const lengthMin = 12;

function filesIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((name) => {
    const found = statSync(join(dir, name), { throwIfNoEntry: false });
    return found?.isFile() === true && found.size <= bytesMax;
  });
}

/** Whatever a node writes, and what it is configured by. */
const written = /(?:^|\/)(?:(?:log|spool|archive|run|data|policy|certs)\/.*|config\.yaml)$/;

/** Logs, what lies in spool and archive, and the store of an inner node, which keeps no body. */
const searched =
  /(?:^|\/)(?:log\/[^/]+\.log[^/]*|(?:spool|archive)\/.*|run\/[^/]+|inner[^/]*\/data\/[^/]+)$/;
/** Stores of long runs; what is in them is in short runs too. */
const bytesMax = 128 * 1024 * 1024;

const residentId = /(?<![0-9A-Za-z_])[1-9][0-9]{16}[0-9X](?![0-9A-Za-z_])/g;
const apiKey = /sp_[0-9a-f]{12}_[A-Za-z0-9_-]{43}/;

function secretsIn(text: string): string[] {
  const hasId = [...text.matchAll(residentId)].some(([digits]) => isResidentId(digits));
  return [...(hasId ? ['a resident ID'] : []), ...(apiKey.test(text) ? ['an API key'] : [])];
}
