/** Files of sample data: what a service was seen to answer. Read, looked at, and kept nowhere. */
import { readFileSync, statSync } from 'node:fs';
import { extname } from 'node:path';
import { type Json, parseJson } from '@sallyport/shared/content/json.ts';
import { parseLines } from '@sallyport/shared/content/stream/ndjson.ts';
import { asSallyportError, SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';

/** JSON documents, or one a line. Errors: USAGE, which holds nothing of what was read. */
export function readSamples(files: readonly string[]): Json[] {
  if (files.length > limits.sampleFilesMax) {
    throw usage(`expected at most ${limits.sampleFilesMax} samples, got ${files.length}`);
  }
  return files.flatMap((file) => {
    try {
      if (statSync(file).size > limits.sampleFileBytesMax) {
        throw usage(`expected at most ${limits.sampleFileBytesMax} bytes in ${file}`);
      }
      const bytes = readFileSync(file);
      const isLines = ['.ndjson', '.jsonl'].includes(extname(file).toLowerCase());
      return isLines ? parseLines(bytes) : [parseJson(bytes, limits.sampleFileBytesMax)];
    } catch (thrown) {
      const { code, message } = asSallyportError(thrown);
      if (code === 'USAGE') throw thrown;
      const why = code === 'INTERNAL' ? 'expected a file that can be read' : message;
      throw usage(`cannot take samples of ${file}: ${why}`);
    }
  });
}

function usage(message: string): SallyportError {
  return new SallyportError('USAGE', message, {
    hint: 'give answers of the service: JSON, or NDJSON in a file .ndjson or .jsonl',
  });
}
