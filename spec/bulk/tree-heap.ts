import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const MEBIBYTE = 2 ** 20;

/** How much more memory is held than at first, garbage apart. */
export class Heap {
  readonly #collect = garbageCollector();
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
    this.#collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  }
}

function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  setFlagsFromString('--no-expose-gc');
  return collect;
}
