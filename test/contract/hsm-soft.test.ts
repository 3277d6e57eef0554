import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { createPinFile } from '@sallyport/hsm/pin.ts';
import { createSoftKeystore } from '@sallyport/hsm/soft/keystore.ts';
import { hsmContract } from './hsm.ts';

const directory = mkdtempSync(join(tmpdir(), 'sallyport-soft-'));
after(() => rmSync(directory, { recursive: true }));

hsmContract('the soft keystore', false, async () => {
  const pinFile = join(directory, 'pin');
  createPinFile(pinFile);
  const config = { kind: 'soft', file: join(directory, 'soft.keystore'), pinFile } as const;
  await createSoftKeystore(config);
  return config;
});
