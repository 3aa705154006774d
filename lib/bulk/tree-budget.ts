import { LimitError } from '../errors';

/** Bytes that a tree may hold at a time. */
export class Budget {
  #used = 0;

  constructor(readonly max: number) {}

  /** @throws LimitError */
  take(bytes: number): void {
    if (this.#used + bytes > this.max) throw new LimitError(`more than ${this.max} bytes of names are to be remembered (maxPendingBytes)`);
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}

/** Default of `maxPendingBytes`: some two million names; one million where `delete` has to know all of them. */
export const MAX_PENDING_BYTES = 128 * 1024 * 1024;
