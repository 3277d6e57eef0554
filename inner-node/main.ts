/** Entry of every process of the inner node: `main.ts <process>`, with the node's home as working directory. */
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
