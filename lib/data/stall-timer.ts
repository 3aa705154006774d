import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * Tells when a stream stood still for `ms` while it was being waited for; 0 never tells.
 *
 * A socket's own timeout is used where there is one: it also sees a large write making progress in the kernel.
 */
export class StallTimer {
  readonly #socket: Socket | undefined;
  readonly #ms: number;
  readonly #onStall: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: Duplex, ms: number, onStall: () => void) {
    this.#socket = typeof (stream as Socket).setTimeout === 'function' ? (stream as Socket) : undefined;
    this.#ms = ms;
    this.#onStall = onStall;
    this.#socket?.on('timeout', onStall);
  }

  /** We wait for the other side from now on. */
  wait(): void {
    if (this.#ms === 0) return;
    if (this.#socket) this.#socket.setTimeout(this.#ms);
    else {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(this.#onStall, this.#ms);
    }
  }

  /** Bytes moved. */
  progress(): void {
    this.#timer?.refresh();
  }

  /** We do not wait: our own side is the slow one, or all is done. */
  rest(): void {
    this.#socket?.setTimeout(0);
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
