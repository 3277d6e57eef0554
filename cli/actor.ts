import { userInfo } from 'node:os';

/** Who asks, for rights and the audit log: the operating system's user. */
export function actor(): string {
  try {
    return userInfo().username;
  } catch {
    return 'local';
  }
}
