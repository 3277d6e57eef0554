/** Processes of a bench beside the nodes: each is told what to do over the channel that fork() opens. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';

export interface Child {
  readonly process: ChildProcess;
  readonly pid: number;
}

export function startChild(file: string, args: readonly string[] = []): Child {
  const child = fork(join(import.meta.dirname, file), args);
  return { process: child, pid: child.pid ?? 0 };
}

/** Its next message; a child that ends instead fails. */
export function told<T>({ process: child }: Child): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error('a process of the bench ended'));
    child.once('exit', ended);
    child.once('message', (message) => {
      child.off('exit', ended);
      resolve(message as T);
    });
  });
}

export function ask<T>(child: Child, order: object): Promise<T> {
  const answer = told<T>(child);
  child.process.send(order);
  return answer;
}
