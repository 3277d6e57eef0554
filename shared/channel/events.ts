import type { SallyportError } from '../errors.ts';

/** What a sender tells about its way; a one-way channel has no other news. */
export interface SenderEvents {
  /**
   * The way is open. `clean`: everything handed over before was taken. Otherwise bytes may have
   * died in a buffer, and whatever has no receipt must be sent again.
   */
  up(clean: boolean): void;
  /** CHANNEL_LOST, or CHANNEL_PEER where the far end is not the peer. */
  down(error: SallyportError): void;
}
