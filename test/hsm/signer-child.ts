/** A signer process on a soft keystore, for tests that kill it. */
import { openHsm } from '@sallyport/hsm/open.ts';
import { runSigner } from '@sallyport/shared/processes/signer/signer.ts';
import { inheritWires } from '@sallyport/shared/processes/wires.ts';
import { pino } from 'pino';

const [file = '', pinFile = ''] = process.argv.slice(2);
const wires = inheritWires('signer', () => {});
await runSigner({
  guard: wires('guard'),
  admin: wires('admin'),
  open: () => openHsm({ kind: 'soft', file, pinFile }),
  labels: { ca: 'ca', sign: 'sign', audit: 'audit', decrypt: 'decrypt' },
  log: pino({ level: 'silent' }),
});
