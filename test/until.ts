import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits for a condition; a test that waits in vain fails and shows it. The bound is for hangs: a busy machine
 * may be slow, and a test that passes does not wait for it.
 */
export async function until(
  holds: () => boolean | Promise<boolean>,
  withinMs = 60_000,
): Promise<void> {
  const dueMs = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > dueMs) throw new Error(`not within ${withinMs} ms: ${holds}`);
    await sleep(5);
  }
}
