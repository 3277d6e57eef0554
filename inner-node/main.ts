/** Entry of every process of the inner node: `main.ts <process>`, run in the node's home. */
import { runProcess } from '@sallyport/shared/processes/node.ts';

await runProcess(
  {
    journey: async () => (await import('./journey.ts')).innerJourney,
    openHsm: async (config) => (await import('@sallyport/hsm/open.ts')).openHsm(config),
    labels: async (keyspec, node) => {
      const { labelsOf, parseKeyspec } = await import('@sallyport/hsm/keyspec.ts');
      return labelsOf(parseKeyspec(keyspec, node));
    },
  },
  process.argv.slice(2),
);
