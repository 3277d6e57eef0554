/** What is left of a process that crashed. */
import { writeFileSync } from 'node:fs';

/**
 * From now on a core dump of this process, or of one that it starts, holds none of its memory, and so no
 * key, no PIN and no body. The size limit alone would not do: the kernel does not apply it where cores are
 * piped to a program. Source: core(5), coredump_filter. Elsewhere than on Linux nothing happens.
 */
export function emptyCoreDumps(): void {
  try {
    writeFileSync('/proc/self/coredump_filter', '0');
  } catch {
    // No such file: the system has no such filter.
  }
}
