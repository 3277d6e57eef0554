import { rmSync } from 'node:fs';
import { after } from 'node:test';
import { createSoftHsm, softHsmMissing } from '../hsm/softhsm.ts';
import { hsmContract } from './hsm.ts';

hsmContract('a SoftHSM 2 token', softHsmMissing, async () => {
  const token = createSoftHsm();
  after(() => rmSync(token.directory, { recursive: true }));
  return token.config;
});
