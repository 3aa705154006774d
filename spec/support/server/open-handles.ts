import type { Server, Socket } from 'node:net';

type Handle = Pick<Socket | Server, 'once'>;

/** Things that are open until they emit `close`. */
export class OpenHandles<T extends Handle> extends Set<T> {
  #waiting: (() => void)[] = [];

  /** Keeps an eye on it until it is closed. */
  track(handle: T): void {
    this.add(handle);
    handle.once('close', () => {
      this.delete(handle);
      if (this.size > 0) return;
      for (const resolve of this.#waiting.splice(0)) resolve();
    });
  }

  /** Resolves when none is open. */
  async empty(): Promise<void> {
    if (this.size > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
