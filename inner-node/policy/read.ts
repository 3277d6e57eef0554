/**
 * The policy's files: policy.yaml and the schema files beside it. Nothing outside their folder is
 * read.
 */
import { lstat, readFile, realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import {
  type PolicySource,
  type SourceFile,
  schemaFilesOf,
} from '@sallyport/shared/policy/source.ts';

/**
 * Reads a policy for checkPolicy. `path`: policy.yaml, or the folder that holds it. A schema file
 * that cannot be read is a fault of the policy, not an error. Errors: POLICY_INVALID where there is
 * no policy.
 */
export async function readPolicyFiles(path: string): Promise<PolicySource> {
  const file = await policyFile(path);
  const text = await readText(file);
  if ('fault' in text) throw missing(text.fault);
  const folder = dirname(file);
  const names = schemaFilesOf(text.text);
  const files = await Promise.all(names.map((name) => readSchema(folder, name)));
  return {
    file: basename(file),
    text: text.text,
    schemas: Object.fromEntries(names.map((name, index) => [name, files[index] ?? notThere])),
  };
}

const notThere: SourceFile = { fault: 'expected a file, got none' };

async function policyFile(path: string): Promise<string> {
  try {
    const folder = (await lstat(path)).isDirectory();
    return await realpath(folder ? join(path, 'policy.yaml') : path);
  } catch {
    throw missing('expected policy.yaml or its folder, got none');
  }
}

async function readSchema(folder: string, name: string): Promise<SourceFile> {
  const escapes = { fault: 'expected a file in the folder of the policy' };
  if (isAbsolute(name) || name.includes('\0') || name.includes('\\')) return escapes;
  const real = await realpath(resolve(folder, name)).catch(() => undefined);
  if (real === undefined) return notThere;
  // After links are followed, so that none leads out.
  const inside = relative(folder, real);
  if (inside.startsWith('..') || isAbsolute(inside)) return escapes;
  return readText(real);
}

async function readText(file: string): Promise<SourceFile> {
  try {
    const { size } = await lstat(file);
    if (size > limits.policyFileBytesMax) {
      return { fault: `expected at most ${limits.policyFileBytesMax} bytes, got ${size}` };
    }
    const bytes = await readFile(file);
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return { fault: 'expected a readable file of UTF-8 text' };
  }
}

function missing(message: string): SallyportError {
  return new SallyportError('POLICY_INVALID', message, {
    hint: 'name a policy.yaml or the folder that holds it',
  });
}
