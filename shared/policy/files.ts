/**
 * What the files of a side of a route may be: the words of policy.yaml, their normal form, and what they
 * compile to. docs/spec/files.md is the norm.
 */
import { z } from 'zod';
import { formatField, parseField } from '../content/fields.ts';
import type { FileBounds } from '../content/file/inspect.ts';
import { fileTypeOfMedia, fileTypes } from '../content/file/media.ts';
import type { FileType } from '../content/file/type.ts';
import type { FileText } from '../content/place.ts';
import { fileFields, type Schema } from '../content/schema.ts';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';

const bytesMax = z.int().min(1).max(limits.fileInCallBytesMax);
const types = z.array(z.enum(fileTypes as [FileType, ...FileType[]])).min(1);
const depthMax = z.int().min(1).max(limits.archiveDepthMax);
const entriesMax = z.int().min(1).max(limits.archiveEntriesMax);
const unpackedBytesMax = z.int().min(1).max(limits.fileInCallUnpackedBytesMax);
const scan = z.enum(['required', 'off']);

/** One file of `files` in policy.yaml. */
const fileTextShape = z.strictObject({
  field: z.string().max(1024),
  types: types.optional(),
  bytesMax: bytesMax.default(limits.fileInCallBytesMax),
  archives: z
    .strictObject({
      depthMax: depthMax.default(limits.archiveDepthMax),
      entriesMax: entriesMax.default(limits.archiveEntriesMax),
      unpackedBytesMax: unpackedBytesMax.default(limits.fileInCallUnpackedBytesMax),
    })
    .optional(),
  scan: scan.default('required'),
});
export const fileTextsShape = z.array(fileTextShape).max(limits.fileRulesMax).default([]);
type FileRuleText = z.infer<typeof fileTextShape>;

/** `files` in a bundle. */
export const filesShape = z
  .array(
    z
      .strictObject({
        field: z.string().max(1024),
        types,
        bytesMax,
        archives: z.strictObject({ depthMax, entriesMax, unpackedBytesMax }).optional(),
        scan,
      })
      .refine((rule) => holdsArchives(rule.types) === (rule.archives !== undefined)),
  )
  .min(1)
  .max(limits.fileRulesMax);

/** What the file in one field may be, in normal form. */
export interface FileRule {
  /** In normal form. */
  readonly field: string;
  /** In one order. */
  readonly types: readonly FileType[];
  readonly bytesMax: number;
  /** There where a type is allowed that packs others. */
  readonly archives?: Omit<FileBounds, 'bytesMax'> | undefined;
  readonly scan: 'required' | 'off';
}

/** In normal form; absent where there is none. */
export function filesOf(
  texts: readonly FileRuleText[],
  schema: Schema | undefined,
): { files?: FileRule[] } {
  const fields = schema === undefined ? new Map<string, Schema>() : fileFields(schema);
  const rules = texts.map((text): FileRule => {
    const field = formatField(parseField(text.field) ?? []);
    const only = fileTypeOfMedia(fields.get(field)?.contentMediaType);
    const allowed = text.types ?? (only === undefined ? [] : [only]);
    const { depthMax, entriesMax, unpackedBytesMax } = text.archives ?? widest;
    return {
      field,
      types: [...new Set(allowed)].toSorted(),
      bytesMax: text.bytesMax,
      ...(holdsArchives(allowed) && { archives: { depthMax, entriesMax, unpackedBytesMax } }),
      scan: text.scan,
    };
  });
  if (rules.length === 0) return {};
  return { files: rules.toSorted((a, b) => (a.field < b.field ? -1 : 1)) };
}

const widest = {
  depthMax: limits.archiveDepthMax,
  entriesMax: limits.archiveEntriesMax,
  unpackedBytesMax: limits.fileInCallUnpackedBytesMax,
};

const packing: ReadonlySet<FileType> = new Set([
  ...(['zip', 'gzip', 'tar'] as const),
  ...(['docx', 'xlsx', 'pptx', 'odt', 'ods', 'odp'] as const),
]);

function holdsArchives(allowed: readonly FileType[]): boolean {
  return allowed.some((type) => packing.has(type));
}

/** What is wrong between the files and the schema of a side of a route. */
export function fileFaults(
  texts: readonly FileRuleText[],
  schema: Schema | undefined,
): { readonly at: readonly (string | number)[]; readonly message: string }[] {
  const faults: { at: readonly (string | number)[]; message: string }[] = [];
  const left = schema === undefined ? new Map<string, Schema>() : fileFields(schema);
  texts.forEach((text, index) => {
    const add = (key: string, message: string): void => {
      faults.push({ at: [index, key], message });
    };
    const path = parseField(text.field);
    const field = path === undefined ? '' : formatField(path);
    const node = left.get(field);
    if (node === undefined) {
      add('field', 'expected a field with contentEncoding that no other rule names');
      return;
    }
    left.delete(field);
    const only = fileTypeOfMedia(node.contentMediaType);
    if (text.types === undefined && only === undefined) {
      add('types', 'expected the types that the file may be of');
    }
    if (only !== undefined && text.types?.some((type) => type !== only)) {
      add('types', `expected ${only} alone, as contentMediaType says`);
    }
    if (text.archives !== undefined && !holdsArchives(text.types ?? (only ? [only] : []))) {
      add('archives', 'expected a type beside it that packs files');
    }
  });
  for (const field of left.keys()) {
    faults.push({ at: [], message: `expected a rule for the file in ${field}` });
  }
  return faults;
}

/** Rules by field, ready for use. */
export type FileRules = ReadonlyMap<string, CompiledFileRule>;

export interface CompiledFileRule {
  readonly field: string;
  readonly allowed: ReadonlySet<FileType>;
  readonly bounds: FileBounds;
  readonly scanned: boolean;
}

/**
 * Undefined for a side without files. Errors: POLICY_INVALID where a file has no rule, or a rule no file:
 * a bundle says so that checkPolicy never saw.
 */
export function compileFiles(
  rules: readonly FileRule[] | undefined,
  schema: Schema | undefined,
): FileRules | undefined {
  const fields = schema === undefined ? [] : [...fileFields(schema).keys()];
  const compiled = new Map(
    (rules ?? []).map((rule): [string, CompiledFileRule] => [
      rule.field,
      {
        field: rule.field,
        allowed: new Set(rule.types),
        bounds: { bytesMax: rule.bytesMax, ...(rule.archives ?? widest) },
        scanned: rule.scan === 'required',
      },
    ]),
  );
  const complete =
    fields.length === compiled.size &&
    compiled.size === (rules?.length ?? 0) &&
    fields.every((field) => compiled.has(field));
  if (!complete) {
    throw new SallyportError('POLICY_INVALID', 'expected one rule for each field that is a file', {
      hint: 'check the policy on the inner node and apply it again',
    });
  }
  return compiled.size === 0 ? undefined : compiled;
}

/** The rule for a file that a walk saw. */
export function ruleFor(rules: FileRules | undefined, { at }: FileText): CompiledFileRule {
  const rule = rules?.get(at);
  if (rule !== undefined) return rule;
  throw new SallyportError('INTERNAL', `expected a rule for the file in ${at}, got none`);
}
