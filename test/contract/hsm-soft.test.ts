import { join } from 'node:path';
import { createPinFile } from '@sallyport/hsm/pin.ts';
import { createSoftKeystore } from '@sallyport/hsm/soft/keystore.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { hsmContract } from './hsm.ts';

const directory = temporaryFolder();

hsmContract('the soft keystore', false, async () => {
  const pinFile = join(directory, 'pin');
  createPinFile(pinFile);
  const config = { kind: 'soft', file: join(directory, 'soft.keystore'), pinFile } as const;
  await createSoftKeystore(config);
  return config;
});
