/** Values that nobody else would write, and the search for them in whatever a pair of nodes leaves behind. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { declare } from '../declared.ts';

export interface Sentinel {
  readonly name: string;
  readonly value: string;
  /** Whether the design has it at this place. */
  readonly allowed: (place: string) => boolean;
}

const nowhere = (): boolean => false;

/** New in each run, so that no file of an earlier one counts. */
export function sentinel(name: string, allowed: Sentinel['allowed'] = nowhere): Sentinel {
  const value = `${name.replaceAll(/[^a-z]/g, '')}Q${randomBytes(12).toString('hex')}`;
  declare([{ name, value }]);
  return { name, value, allowed };
}

/** A secret that exists already, such as a PIN. */
export function known(
  name: string,
  value: string,
  allowed: Sentinel['allowed'] = nowhere,
): Sentinel {
  if (value.length < 6) throw new Error(`expected a ${name} that no chance finds`);
  if (value.length >= 12) declare([{ name, value }]);
  return { name, value, allowed };
}

/** `place: name` for each sentinel that is where it may not be. */
export function found(place: string, bytes: Buffer, sentinels: readonly Sentinel[]): string[] {
  return sentinels.flatMap(({ name, value, allowed }) =>
    !allowed(place) && formsOf(value).some((form) => bytes.includes(form))
      ? [`${place}: ${name}`]
      : [],
  );
}

/** Every file below `dir`; a socket or a device holds nothing. */
export function foundBelow(dir: string, sentinels: readonly Sentinel[]): string[] {
  return filesBelow(dir).flatMap((file) => found(relative(dir, file), bytesOf(file), sentinels));
}

/** A package may be carried on between the look at its folder and this. */
function bytesOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    return Buffer.alloc(0);
  }
}

export function filesBelow(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((name) => join(dir, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
}

/** As it is, in hexadecimal, and in base64 wherever it begins. */
function formsOf(value: string): Buffer[] {
  const bytes = Buffer.from(value);
  const hex = bytes.toString('hex');
  const base64 = [0, 1, 2].map((before) =>
    Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .slice(before === 0 ? 0 : before + 1)
      .replace(/..=*$/, ''),
  );
  return [value, hex, hex.toUpperCase(), ...base64].map((text) => Buffer.from(text));
}
