/** Documents that may not go on. */
import { SallyportError } from '../../errors.ts';

export function encrypted(): SallyportError {
  return new SallyportError(
    'FILE_ENCRYPTED',
    'expected a document that can be looked into, got none',
    {
      hint: 'send the document without password and in a usual form',
    },
  );
}

export function active(): SallyportError {
  return new SallyportError('FILE_ACTIVE', 'expected a document without active content, got some', {
    hint: 'send a version without macros, scripts, embedded files and external templates',
  });
}
