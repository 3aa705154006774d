import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Session } from '../control/session';
import type { Watch } from '../watch';
import type { Direction } from './data-request';

/**
 * Tells when a stream stood still for `stallTimeout` while it was being waited for.
 *
 * For what is written, a socket's own timeout is used where there is one: it sees a large write making progress in the kernel.
 */
export class StallTimer {
  readonly #socket: Socket | undefined;
  readonly #ms: number;
  readonly #watch: Watch;
  readonly #onStall: () => void;

  constructor(stream: Duplex, direction: Direction, session: Session, onStall: () => void) {
    this.#socket = direction === 'up' && typeof (stream as Socket).setTimeout === 'function' ? (stream as Socket) : undefined;
    this.#ms = session.settings.stallTimeout;
    this.#watch = session.dataMeans.stalling;
    this.#onStall = onStall;
    this.#socket?.on('timeout', onStall);
  }

  /** We wait for the other side from now on. */
  wait(): void {
    if (this.#socket) this.#socket.setTimeout(this.#ms);
    else this.#watch.start(this.#onStall);
  }

  /** Bytes arrived. */
  progress(): void {
    this.#watch.restart(this.#onStall);
  }

  /** We do not wait: our own side is the slow one, or all is done. */
  rest(): void {
    if (this.#socket) this.#socket.setTimeout(0);
    else this.#watch.stop(this.#onStall);
  }
}
