/** Facts of the outer node that came with a request, as the audit log may record them. */
import type { RequestHeader } from '@sallyport/shared/exchange/message.ts';
import { parseAddress } from '@sallyport/shared/policy/network.ts';

/**
 * By these the decision is explained later. The outer node tells them where a condition reads them; what
 * is no address, an outer node has made up, and it is not recorded.
 */
export function toldFacts({ source, risk }: RequestHeader): { source?: string; risk?: number } {
  return {
    ...(source !== undefined && parseAddress(source) !== undefined && { source }),
    ...(risk !== undefined && { risk }),
  };
}
