/** How a route writes its bodies: the words of policy.yaml, their normal form, and what it compiles to. */
import { z } from 'zod';
import type { Rewritten } from '../content/place.ts';
import type { Rewrite } from '../content/rewrite.ts';
import type { Schema } from '../content/schema.ts';
import {
  type Content,
  compileTranslation,
  contentFault,
  formatNames,
  plainContent,
  type Translation,
} from '../content/translate.ts';
import { compileXsd } from '../content/xml/xsd.ts';
import { asSallyportError, SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { OpenRewrite } from '../masking/open.ts';
import type { Placed } from './check.ts';
import type { RouteText } from './grammar.ts';
import type { Route } from './model.ts';
import type { PolicySource, SourcePath } from './source.ts';

const textShape = z.strictObject({
  form: z.enum(['normalise', 'refuse']).default('refuse'),
  hidden: z.enum(['allow', 'refuse']).default('refuse'),
});
const root = z
  .string()
  .regex(/^[\p{L}_][\p{L}\p{N}._-]{0,127}$/u, 'expected the local name of an element');
const namespace = z.string().regex(/^[!-~]{1,255}$/, 'expected a URI');

/** `content` in policy.yaml; `xsd` is the name of a file. */
export const contentTextShape = z.strictObject({
  format: z.enum(formatNames).default('json'),
  text: textShape.prefault({}),
  xml: z
    .strictObject({ root, namespace: namespace.optional(), xsd: z.string().optional() })
    .optional(),
});
type ContentText = z.infer<typeof contentTextShape>;

/** `content` in a bundle; `xsd` is the text of the file. */
export const contentShape = z
  .strictObject({
    format: z.enum(formatNames),
    text: z.strictObject({
      form: z.enum(['normalise', 'refuse']),
      hidden: z.enum(['allow', 'refuse']),
    }),
    xml: z
      .strictObject({
        root,
        namespace: namespace.optional(),
        xsd: z.string().max(limits.xsdBytesMax).optional(),
      })
      .optional(),
  })
  .refine(({ format, xml }) => (format === 'xml') === (xml !== undefined));

/** In normal form; absent where it says nothing but what holds without it. */
export function contentOf(
  text: ContentText | undefined,
  xsds: ReadonlyMap<string, string>,
): { content?: Content } {
  if (text === undefined) return {};
  const { xml, ...rest } = text;
  const { form, hidden } = rest.text;
  const plain = rest.format === plainContent.format && form === 'refuse' && hidden === 'refuse';
  if (plain) return {};
  if (xml === undefined) return { content: rest };
  const xsd = xml.xsd === undefined ? undefined : xsds.get(xml.xsd);
  const named = {
    root: xml.root,
    ...(xml.namespace !== undefined && { namespace: xml.namespace }),
    ...(xsd !== undefined && { xsd }),
  };
  return { content: { ...rest, xml: named } };
}

/** The XML Schemas that routes name, by file. What is wrong with one is told to `fault`. */
export function readXsds(
  source: PolicySource,
  routes: readonly Placed<RouteText>[],
  fault: (path: SourcePath, message: string) => void,
): Map<string, string> {
  const xsds = new Map<string, string>();
  for (const { value, path } of routes) {
    for (const side of ['request', 'response'] as const) {
      const file = value[side].content?.xml?.xsd;
      if (file === undefined || xsds.has(file)) continue;
      const found = Object.hasOwn(source.schemas, file) ? source.schemas[file] : undefined;
      const at = [...path, side, 'content', 'xml', 'xsd'];
      if (found === undefined || 'fault' in found) {
        fault(at, found?.fault ?? 'expected an XML Schema file, got none');
        continue;
      }
      xsds.set(file, found.text);
      try {
        compileXsd(found.text);
      } catch (thrown) {
        asSallyportError(thrown);
        fault(
          at,
          `expected an XML Schema of at most ${limits.xsdBytesMax} bytes that needs no other file`,
        );
      }
    }
  }
  return xsds;
}

/** What is wrong between the content and the schema of a side of a route. */
export function contentFaults(
  text: ContentText | undefined,
  schema: Schema | undefined,
  hasSchema: boolean,
): { readonly at: readonly string[]; readonly message: string }[] {
  if (text === undefined) return [];
  const faults: { at: readonly string[]; message: string }[] = [];
  if (!hasSchema) faults.push({ at: [], message: 'expected a schema beside the content' });
  if (text.format === 'xml' && text.xml === undefined) {
    faults.push({ at: [], message: 'expected xml: with the root element' });
  }
  if (text.format !== 'xml' && text.xml !== undefined) {
    faults.push({ at: ['xml'], message: 'expected format xml beside it' });
  }
  const wrong = schema === undefined ? undefined : contentFault(text.format, schema);
  if (wrong !== undefined) faults.push({ at: ['format'], message: wrong });
  return faults;
}

/** Undefined where no body crosses on that side. A request that leaves must fit its XSD. */
export function translationsOf({ request, response }: Route): {
  readonly request: Translation | undefined;
  readonly response: Translation | undefined;
} {
  const compile = (
    { content = plainContent, files }: Pick<Route['request'], 'content' | 'files'>,
    schema: Schema | undefined,
    strict: boolean,
  ) => {
    const types = files?.find(({ field }) => field === '$')?.types;
    return schema === undefined ? undefined : compileTranslation(content, schema, strict, types);
  };
  return {
    request: compile(request, request.body, true),
    response: compile(response, response.schema, false),
  };
}

/**
 * The walk of an answer that reads its format first, and sees that every text that leaves is as the
 * route wants it. Errors: RESPONSE_REFUSED besides those of the walk.
 */
export function releaseFrom(translation: Translation, release: Rewrite): Rewrite {
  return (document, bytesMax) =>
    clean(
      translation,
      release(
        answered(() => translation.read(document)),
        bytesMax,
      ),
    );
}

/** The proof of an answer, with the same look at its texts. Errors: as releaseFrom. */
export function verifyFrom(translation: Translation, verify: Rewrite): Rewrite {
  return (document, bytesMax) => clean(translation, verify(document, bytesMax));
}

/** As releaseFrom, for a walk with places left open for plug-ins. */
export function openReleaseFrom(translation: Translation, release: OpenRewrite): OpenRewrite {
  return openVerifyFrom(translation, (document, bytesMax) =>
    release(
      answered(() => translation.read(document)),
      bytesMax,
    ),
  );
}

/** As verifyFrom, for a walk with places left open for plug-ins. */
export function openVerifyFrom(translation: Translation, verify: OpenRewrite): OpenRewrite {
  return (document, bytesMax) => {
    const { asks, close } = verify(document, bytesMax);
    return { asks, close: (given) => clean(translation, close(given)) };
  };
}

/** What the consumer gets: proven JSON in the format of the route. Errors: RESPONSE_REFUSED. */
export function writeAnswer(translation: Translation, json: Buffer): Buffer {
  return answered(() => translation.write(json));
}

function clean(translation: Translation, rewritten: Rewritten): Rewritten {
  const { body } = rewritten;
  if (body === undefined) return rewritten;
  const cleaned = answered(() => translation.clean(body));
  return cleaned === body ? rewritten : { ...rewritten, body: Buffer.from(cleaned) };
}

function answered<T>(step: () => T): T {
  try {
    return step();
  } catch (cause) {
    const { code, message } = asSallyportError(cause);
    if (code === 'INTERNAL') throw cause;
    throw new SallyportError('RESPONSE_REFUSED', message, { cause });
  }
}
