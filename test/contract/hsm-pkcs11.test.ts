import { createSoftHsm, softHsmMissing } from '../hsm/softhsm.ts';
import { hsmContract } from './hsm.ts';

hsmContract('a SoftHSM 2 token', softHsmMissing, async () => createSoftHsm().config);
