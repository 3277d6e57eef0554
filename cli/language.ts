/** Which language a person asks for: as a tag (RFC 5646) or as a locale of POSIX is spelt. */
import { SallyportError } from '@sallyport/shared/errors.ts';
import type { Language } from '@sallyport/shared/policy/matrix-words.ts';

/** Chinese is written in simplified characters here: who reads another script is told so. */
const scripts: Readonly<Record<Language, string>> = { en: 'Latn', zh: 'Hans' };

/** `zh`, `zh-CN`, `zh_CN.UTF-8`, `zh-Hans-CN`, `en-GB` and the like. Errors: USAGE. */
export function readLanguage(text: string): Language {
  try {
    const tag = text.replace(/\.[\w-]+$/, '').replaceAll('_', '-');
    const { language, script } = new Intl.Locale(tag).maximize();
    for (const [one, written] of Object.entries(scripts)) {
      if (language === one && script === written) return one as Language;
    }
  } catch {
    // No tag at all: falls through to the one refusal.
  }
  throw new SallyportError('USAGE', `expected one of ${allowed}, got ${text}`, {
    hint: 'a region may follow, as in en-GB or zh-CN',
  });
}

const allowed = 'en, zh, zh-Hans';
