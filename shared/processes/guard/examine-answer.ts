/** Files of an answer, on either node: its service was called, so a failure leaves something done. */
import type { FileText } from '../../content/place.ts';
import { asSallyportError, type ErrorCode, SallyportError } from '../../errors.ts';
import type { FileRules } from '../../policy/files.ts';
import type { GuardContext } from './context.ts';
import type { Examined } from './examine.ts';

export interface AnswerFiles {
  readonly rules: FileRules | undefined;
  readonly files: readonly FileText[];
  /** On the steady clock of the node. */
  readonly dueMs: number;
  /** The call may be made again, whatever it has done. */
  readonly mayRepeat: boolean;
}

/**
 * A file that may not go on is the service's fault. Errors: RESPONSE_REFUSED; where it could not be examined,
 * or not in time, SCAN_FAILED if the call may be repeated, IN_DOUBT if not.
 */
export async function examineAnswer(
  { examine }: Pick<GuardContext, 'examine'>,
  about: Examined,
  { rules, files, dueMs, mayRepeat }: AnswerFiles,
): Promise<void> {
  try {
    await examine(about, rules, files, dueMs);
  } catch (cause) {
    const { code, message } = asSallyportError(cause);
    const unexamined = mayRepeat ? 'SCAN_FAILED' : 'IN_DOUBT';
    const told = passing.has(code) ? unexamined : 'RESPONSE_REFUSED';
    throw new SallyportError(told, message, { cause });
  }
}

/** Another time it might end otherwise. */
const passing: ReadonlySet<ErrorCode> = new Set(['SCAN_FAILED', 'OVERLOADED', 'DEADLINE_PASSED']);
