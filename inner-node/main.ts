/** Entry of every process of the inner node: `main.ts <process>`, run in the node's home. */
import { labelsOf, parseKeyspec } from '@sallyport/hsm/keyspec.ts';
import { openHsm } from '@sallyport/hsm/open.ts';
import { runProcess } from '@sallyport/shared/processes/node.ts';
import { innerJourney } from './journey.ts';

await runProcess(
  {
    journey: innerJourney,
    openHsm,
    labels: (keyspec, node) => labelsOf(parseKeyspec(keyspec, node)),
  },
  process.argv.slice(2),
);
