import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPinFile } from '@sallyport/hsm/pin.ts';
import { createSoftKeystore } from '@sallyport/hsm/soft/keystore.ts';
import { hsmContract } from './hsm.ts';

hsmContract('the soft keystore', false, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-soft-'));
  const pinFile = join(directory, 'pin');
  createPinFile(pinFile);
  const config = { kind: 'soft', file: join(directory, 'soft.keystore'), pinFile } as const;
  await createSoftKeystore(config);
  return config;
});
