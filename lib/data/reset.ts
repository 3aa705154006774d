import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** By RST where that can be: a TLSSocket as a tunnel has the method too, and throws. Never by close_notify, which makes a cut upload whole. */
export function reset(raw: Duplex): void {
  try {
    (raw as Socket).resetAndDestroy();
  } catch {
    raw.destroy();
  }
}

/**
 * libuv reports an RST that arrives together with bytes as a clean end (POLLHUP after a partial read). A connection that
 * was reset has no peer any more, one that was ended has; `remoteAddress` would answer from its memory.
 */
export function wasReset(raw: Duplex | undefined): boolean {
  const { _handle: handle } = (raw ?? {}) as { _handle?: { getpeername?: (into: object) => number } };
  return typeof handle?.getpeername === 'function' && handle.getpeername({}) !== 0;
}
