import { asSallyportError, type ErrorCode } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Signer } from '../../ports.ts';

/** Tries again while the fault is one that passes by itself, up to `patienceMs`. */
export async function patiently<T>(patienceMs: number, work: () => Promise<T>): Promise<T> {
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    try {
      return await work();
    } catch (thrown) {
      const error = asSallyportError(thrown);
      if (!passing.has(error.code) || performance.now() >= untilMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, limits.signerRetryMs));
    }
  }
}

/** A signer whose short absences (a restart, a token that comes back) are not noticed. */
export function patientSigner(signer: Signer): Signer {
  const { signerPatienceMs } = limits;
  return {
    sign: (key, digest) => patiently(signerPatienceMs, () => signer.sign(key, digest)),
    derive: (key, point) => patiently(signerPatienceMs, () => signer.derive(key, point)),
  };
}

const passing: ReadonlySet<ErrorCode> = new Set([
  'HSM_LOST',
  'HSM_TOKEN',
  'IPC_LOST',
  'STORE_FAILED',
]);
