/** A shell at a real terminal (script(1)), to which blocks of commands are typed. */
import { spawn } from 'node:child_process';
import { until } from '../until.ts';

export interface Terminal {
  /**
   * Types `commands` and waits until they are done. Where `asks` is given, it waits for this text and
   * types `answer` first.
   */
  type(commands: string, question?: { asks: string; answer: string }): Promise<void>;
  /** What was printed since the last `clear`. */
  readonly printed: string;
  clear(): void;
  close(): Promise<void>;
}

/** Colours, cursor moves, links and carriage returns. */
const controls = /\x1b\[[\d;?]*[A-Za-z]|\x1b\]8;;[^\x1b]*\x1b\\|\r/g;
/** Patience for a machine that is busy with other tests. */
const waitMs = 60_000;

export async function openTerminal(
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<Terminal> {
  const child = spawn('script', ['-qfec', 'bash --noprofile --norc --noediting', '/dev/null'], {
    cwd,
    env: { ...process.env, ...env, NO_COLOR: '1', PS1: '', PS2: '', HISTFILE: '' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let printed = '';
  let blocks = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed = (printed + text).replace(controls, '');
  });
  const says = (text: string): Promise<void> =>
    until(() => printed.includes(text), waitMs).catch(() => {
      throw new Error(`expected ${text}, got:\n${printed}`);
    });
  const type: Terminal['type'] = async (commands, question) => {
    blocks += 1;
    const mark = `block-${blocks}-done`;
    // The shell reads all of a group before it runs any of it, so nothing waits in the terminal that a
    // command could take for its own. The mark is in two words: an echo of the command is none.
    child.stdin.write(`{\n${commands.trimEnd()}\necho "block-${blocks}"-done\n}\n`);
    if (question) {
      await says(question.asks);
      child.stdin.write(`${question.answer}\n`);
    }
    await says(mark);
    printed = printed.replace(new RegExp(`${mark}\\n?`), '');
  };
  await type("stty -echo -onlcr cols 250; PS1=''; PS2=''; unset PROMPT_COMMAND");
  printed = '';
  return {
    type,
    get printed() {
      return printed;
    },
    clear() {
      printed = '';
    },
    async close() {
      child.stdin.end('exit\n');
      const killer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await ended;
      clearTimeout(killer);
    },
  };
}
