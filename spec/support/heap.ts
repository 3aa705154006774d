import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const MEBIBYTE = 2 ** 20;

/** As `node --expose-gc` has it; without it the memory in use says when garbage was last collected, and not what is held. */
export const collectGarbage = ((): (() => void) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  setFlagsFromString('--no-expose-gc');
  return collect;
})();

/** How much more memory is held than at first, garbage apart. */
export class Heap {
  readonly #before: number;
  #most = 0;

  constructor() {
    this.#before = this.#held();
  }

  /** The most so far, in MiB. */
  get most(): number {
    return this.#most / MEBIBYTE;
  }

  note(): void {
    this.#most = Math.max(this.#most, this.#held() - this.#before);
  }

  #held(): number {
    collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  }
}
