/** Policy files for the commands `policy check | diff | apply` and for a starting policy. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readCredentials } from '@sallyport/inner-node/policy/credentials.ts';
import { readPolicyFiles } from '@sallyport/inner-node/policy/read.ts';
import { requirePolicy } from '@sallyport/shared/policy/check.ts';
import { withCredentials } from '@sallyport/shared/policy/credentials.ts';
import type { Policy } from '@sallyport/shared/policy/model.ts';
import type { StartingPolicy } from '@sallyport/shared/policy/openapi.ts';

/**
 * The policy at `path` with the API keys that the inner node in `dir` has issued. Errors:
 * POLICY_INVALID.
 */
export async function loadPolicy(path: string, dir: string): Promise<Policy> {
  const policy = requirePolicy(await readPolicyFiles(path));
  return withCredentials(policy, await readCredentials(dir));
}

/**
 * Writes a starting policy into a folder; refuses to replace a file. Returns the path of
 * policy.yaml.
 */
export async function writePolicyFiles(folder: string, made: StartingPolicy): Promise<string> {
  for (const [name, text] of Object.entries({ ...made.schemas, 'policy.yaml': made.yaml })) {
    const file = join(folder, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text, { flag: 'wx' });
  }
  return join(folder, 'policy.yaml');
}
