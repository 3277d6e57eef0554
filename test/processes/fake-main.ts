/** A node's main.ts without a node: five processes that do nothing, or what a file in the home says. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { type ProcessName, processNames } from '@sallyport/shared/config/home.ts';
import { type ErrorCode, SallyportError } from '@sallyport/shared/errors.ts';
import { reportTrouble, runChild } from '@sallyport/shared/processes/child.ts';
import { createLog } from '@sallyport/shared/processes/log.ts';

const name = process.argv[2] as ProcessName;
if (!processNames.some((one) => one === name)) throw new Error(`unknown process ${name}`);

await runChild(name, createLog(name, 'info'), async () => {
  appendFileSync('starts', `${name}\n`);
  if (existsSync(`fail-${name}`)) {
    const code = readFileSync(`fail-${name}`, 'utf8') as ErrorCode;
    throw new SallyportError(code, 'expected a good start, got a bad one', { hint: 'mend it' });
  }
  if (existsSync(`deaf-${name}`)) process.stdin.removeAllListeners('close');
  if (existsSync(`trouble-${name}`)) tellTroubles();
  if (existsSync(`talk-${name}`)) process.send?.('let me tell you');
  const alive = setInterval(() => {}, 1000);
  return {
    close: async () => {
      clearInterval(alive);
      appendFileSync('stops', `${name}\n`);
    },
  };
});

/** In trouble, as the file says, until it is gone. */
function tellTroubles(): void {
  const watching = setInterval(() => {
    const isWell = !existsSync(`trouble-${name}`);
    reportTrouble(
      isWell
        ? undefined
        : new SallyportError('HSM_PIN', 'expected the PIN, got another', { hint: 'mend it' }),
    );
    if (isWell) clearInterval(watching);
  }, 20);
}
