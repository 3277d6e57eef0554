/** Counts how often functions of the product are entered, by the engine's own precise coverage. */
import { Session } from 'node:inspector/promises';

export interface EntryCounter {
  /** Calls since the last question: of `name` in the file whose path ends with `file`. */
  calls(file: string, ...names: readonly string[]): Promise<number>;
  close(): void;
}

/** Counting slows everything down: for the few tests that prove an order. */
export async function countEntries(): Promise<EntryCounter> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  return {
    async calls(file, ...names) {
      const { result } = await session.post('Profiler.takePreciseCoverage');
      const functions = result
        .filter(({ url }) => url.endsWith(file))
        .flatMap((script) => script.functions)
        .filter(({ functionName }) => names.includes(functionName));
      return functions.reduce((sum, { ranges }) => sum + (ranges[0]?.count ?? 0), 0);
    },
    close: () => session.disconnect(),
  };
}
