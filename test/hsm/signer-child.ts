/** A signer process on a soft keystore, for tests that kill it. */
import { openHsm } from '@sallyport/hsm/open.ts';
import { runSigner } from '@sallyport/shared/processes/signer/signer.ts';
import { pino } from 'pino';

const [socketPath = '', file = '', pinFile = ''] = process.argv.slice(2);
await runSigner({
  socketPath,
  open: () => openHsm({ kind: 'soft', file, pinFile }),
  labels: { ca: 'ca', sign: 'sign', audit: 'audit', decrypt: 'decrypt' },
  log: pino({ level: 'silent' }),
});
