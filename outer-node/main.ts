/** Entry of every process of the outer node: `main.ts <process>`, run in the node's home. */
import { labelsOf, parseKeyspec } from '@sallyport/hsm/keyspec.ts';
import { openHsm } from '@sallyport/hsm/open.ts';
import { runProcess } from '@sallyport/shared/processes/node.ts';
import { outerJourney } from './journey.ts';

await runProcess(
  {
    journey: outerJourney,
    openHsm,
    labels: (keyspec, node) => labelsOf(parseKeyspec(keyspec, node)),
  },
  process.argv.slice(2),
);
