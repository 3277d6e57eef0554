/** Generates keys in a soft keystore until it is killed; says each label once it is in the file. */
import { openHsm } from '@sallyport/hsm/open.ts';

const [file = '', pinFile = ''] = process.argv.slice(2);
const hsm = await openHsm({ kind: 'soft', file, pinFile });
for (let index = 0; ; index += 1) {
  await hsm.generateKeyPair(`key-${index}`, 'sign');
  process.stdout.write(`key-${index}\n`);
}
