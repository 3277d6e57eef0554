/** The other half of the confinement: what a process sees of it from inside. */
import type { NodeConfig } from '../config/config.ts';
import type { ProcessName } from '../config/home.ts';
import { SallyportError } from '../errors.ts';
import { powersOf } from './confinement.ts';

/** What no process may do, and what not all may. */
const scopes = ['child', 'inspector', 'wasi', 'ffi', 'fs.read', 'fs.write'] as const;

/**
 * Refuses to go on in a process that may do more than its part of the node needs: one that was started by
 * hand, or by a supervisor that is not ours. Errors: NOT_CONFINED.
 */
export function expectConfined(name: ProcessName, config: NodeConfig): void {
  const { permission } = process;
  const { net, addons, workers } = powersOf(name, config);
  const forbidden = [
    ...scopes,
    ...(net ? [] : ['net']),
    ...(addons ? [] : ['addon']),
    ...(workers ? [] : ['worker']),
  ];
  const loose = permission ? forbidden.filter((scope) => permission.has(scope)) : ['everything'];
  if (loose.length === 0) return;
  throw new SallyportError('NOT_CONFINED', `${name} may do what it must not: ${loose.join()}`, {
    hint: 'start the node with `sallyport run`; no process of it runs on its own',
  });
}

/** From now on no native code is loaded: what the process needs of it is there. */
export function endAddons(): void {
  process.permission?.drop('addon');
}
