import { asSallyportError, type ErrorCode } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Signer } from '../../ports.ts';

/**
 * Tries again while the fault is one that passes by itself, up to `patienceMs` and until `stopping`.
 */
export async function patiently<T>(
  patienceMs: number,
  work: () => Promise<T>,
  stopping?: AbortSignal,
): Promise<T> {
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    try {
      return await work();
    } catch (thrown) {
      const error = asSallyportError(thrown);
      if (!passing.has(error.code) || stopping?.aborted || performance.now() >= untilMs)
        throw error;
      await new Promise((resolve) => setTimeout(resolve, limits.signerRetryMs));
    }
  }
}

/**
 * A signer whose short absences (a restart, a token that comes back) delay and do not fail.
 * `changed` is told when it goes away, with the code, and when it is back, without.
 */
export function patientSigner(signer: Signer, changed: (code?: ErrorCode) => void): Signer {
  let away = false;
  const watched = async (work: () => Promise<Buffer>): Promise<Buffer> => {
    try {
      const answer = await work();
      if (away) changed();
      away = false;
      return answer;
    } catch (thrown) {
      const { code } = asSallyportError(thrown);
      if (!away && passing.has(code)) {
        away = true;
        changed(code);
      }
      throw thrown;
    }
  };
  const { signerPatienceMs } = limits;
  return {
    sign: (key, digest) =>
      patiently(signerPatienceMs, () => watched(() => signer.sign(key, digest))),
    derive: (key, point) =>
      patiently(signerPatienceMs, () => watched(() => signer.derive(key, point))),
  };
}

const passing: ReadonlySet<ErrorCode> = new Set([
  'HSM_LOST',
  'HSM_TOKEN',
  'IPC_LOST',
  'STORE_FAILED',
  'STORE_FULL',
]);

/** Not the fault of the package that was to be opened: it is tried again. */
export const retryable: ReadonlySet<ErrorCode> = new Set([
  ...passing,
  'HSM_PIN',
  'IPC_TIMEOUT',
  'OVERLOADED',
]);
