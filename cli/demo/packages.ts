import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DemoPair } from './pair.ts';

/** Every sealed package that either node sent and still keeps, oldest first. */
export function packagesOf({ outer, inner }: Pick<DemoPair, 'outer' | 'inner'>): string[] {
  const kept = ['spool/out', 'archive/out'];
  return [outer, inner]
    .flatMap((home) => kept.map((dir) => join(home, dir)))
    .flatMap((dir) =>
      readdirSync(dir, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.stp'))
        .map((name) => join(dir, name)),
    );
}
