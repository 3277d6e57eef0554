/**
 * Files in bodies, before they go on: each is decoded, looked into and scanned, one after the other.
 *
 *   base64 ▶ size, type, documents, archives ▶ scan it and all that was packed in it ▶ it may cross
 *
 * The only step of a journey that waits for somebody else, so only bodies with files take it, each in a
 * place and a time of its own.
 */
import { createHash } from 'node:crypto';
import type { AuditLog } from '../../audit/log.ts';
import { inspectFile } from '../../content/file/inspect.ts';
import type { FileText } from '../../content/place.ts';
import { expectClean, type Named } from '../../content/scan/scanner.ts';
import { asSallyportError, SallyportError } from '../../errors.ts';
import { type CompiledFileRule, type FileRules, ruleFor } from '../../policy/files.ts';
import type { Scan } from '../scanner/client.ts';
import { createPlaces, expectTime } from './places.ts';

/** Whose body it is. */
export interface Examined {
  readonly exchangeId: string;
  readonly consumer: string;
  readonly flow: string;
}

/**
 * Resolves when every file of a body may go on. `dueMs`: when its time is over, on the steady clock of the
 * node. Errors: OVERLOADED, DEADLINE_PASSED, those of inspectFile, SCAN_FOUND, SCAN_FAILED.
 */
export type Examine = (
  about: Examined,
  rules: FileRules | undefined,
  files: readonly FileText[],
  dueMs: number,
) => Promise<void>;

export interface ExamineOptions {
  readonly audit: Pick<AuditLog, 'append'>;
  readonly flushAudit: () => void;
  readonly now: () => number;
  readonly steady: () => number;
  /** Undefined where this node leaves it to the other. */
  readonly scan: Scan | undefined;
}

export interface Examining {
  readonly examine: Examine;
  /** Bodies that have no place yet. */
  readonly waiting: number;
}

export function createExamining(options: ExamineOptions): Examining {
  const { audit, flushAudit, now, steady, scan } = options;
  const places = createPlaces(steady);

  const look = async (
    about: Examined,
    rule: CompiledFileRule,
    file: FileText,
    dueMs: number,
  ): Promise<void> => {
    const startedMs = performance.now();
    const bytes = Buffer.from(file.text, 'base64');
    const found: Record<string, number> = {};
    const count = (what: string, times = 1): void => {
      found[what] = (found[what] ?? 0) + times;
    };
    const record = (error?: SallyportError): void => {
      audit.append({
        event: 'examine',
        atMs: now(),
        ...about,
        ...(error && { code: error.code }),
        digest: createHash('sha256').update(bytes).digest('hex'),
        bytes: bytes.length,
        rules: found,
        tookMs: performance.now() - startedMs,
      });
    };
    try {
      const { type, inside, parts } = await inspectFile(bytes, rule.allowed, rule.bounds);
      count(`type ${type}`);
      for (const [part, times] of Object.entries(inside)) count(`inside ${part}`, times);
      if (scan && rule.scanned) {
        for (const one of new Set([bytes, ...parts])) {
          expectTime(dueMs - steady());
          const verdicts = await scan(one, dueMs - steady());
          for (const verdict of verdicts) count(wordsOf(verdict));
          // A scanner that was cut short is not at fault.
          if (verdicts.some(({ verdict }) => verdict === 'failed')) expectTime(dueMs - steady());
          expectClean(verdicts);
        }
      }
      record();
    } catch (thrown) {
      const { code, message, hint } = asSallyportError(thrown);
      const told = `${file.at}: ${message}`;
      const error = new SallyportError(code, told, { ...(hint && { hint }), cause: thrown });
      record(error);
      throw error;
    }
  };

  const examine: Examine = async (about, rules, files, dueMs) => {
    const bytes = files.reduce((total, { text }) => total + text.length, 0);
    const leave = await places.take(about.consumer, bytes, dueMs);
    try {
      for (const file of files) await look(about, ruleFor(rules, file), file, dueMs);
    } finally {
      leave();
      flushAudit();
    }
  };
  return {
    examine,
    get waiting() {
      return places.waiting;
    },
  };
}

/** `clamd clean`, `clamd found Eicar`, `icap failed timeout`. */
function wordsOf(verdict: Named): string {
  const { scanner } = verdict;
  if (verdict.verdict === 'found') return `${scanner} found ${verdict.name}`;
  if (verdict.verdict === 'failed') return `${scanner} failed ${verdict.failure}`;
  return `${scanner} clean`;
}
