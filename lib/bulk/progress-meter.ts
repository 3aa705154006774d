import type { Clock } from './clock';

/** How far something is. */
export interface Progress {
  /** So far. */
  readonly bytes: number;
  /** Where it is known. */
  readonly total?: number;
  /** Bytes a second, over the last ten reports. */
  readonly rate: number;
  /** Seconds that are left at this rate; where the total is known, and something moves. */
  readonly eta?: number;
  /** Whole, from 0 to 100; where the total is known. */
  readonly percent?: number;
}

/** What a meter is told. */
export interface MeterOptions {
  readonly total: number | undefined;
  /** Milliseconds between two reports. */
  readonly interval: number;
  readonly clock: Clock;
}

/** What had come when. */
interface Sample {
  readonly at: number;
  readonly bytes: number;
}

/** Reports over which the rate is taken: long enough to be calm, short enough to follow. */
const SAMPLES = 10;

/** Counts bytes of one stream or several, and reports from the first one on. */
export class ProgressMeter {
  #bytes = 0;
  #samples: Sample[] = [];
  #stop: (() => void) | undefined;
  readonly #options: MeterOptions;
  readonly #report: (progress: Progress) => void;

  constructor(options: MeterOptions, report: (progress: Progress) => void) {
    this.#options = options;
    this.#report = report;
  }

  /** More bytes; the first call sets the clock going. */
  add(bytes: number): void {
    const { clock, interval } = this.#options;
    if (this.#samples.length === 0) {
      this.#samples.push({ at: clock.now(), bytes: this.#bytes });
      this.#stop = clock.every(interval, () => this.#tell());
    }
    this.#bytes += bytes;
  }

  /** There are so many now, which took no time: what an earlier attempt has done, or what has to be done again. */
  set(bytes: number): void {
    this.#samples = this.#samples.map((sample) => ({ at: sample.at, bytes: sample.bytes + bytes - this.#bytes }));
    this.#bytes = bytes;
  }

  /** The last report. */
  finish(): void {
    this.stop();
    this.#tell();
  }

  /** No more reports. */
  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  #tell(): void {
    const now = { at: this.#options.clock.now(), bytes: this.#bytes };
    const [first = now] = this.#samples;
    const seconds = (now.at - first.at) / 1000;
    const rate = seconds > 0 ? (now.bytes - first.bytes) / seconds : 0;
    this.#samples.push(now);
    if (this.#samples.length > SAMPLES) this.#samples.shift();
    this.#report({ bytes: now.bytes, rate, ...this.#outlook(rate) });
  }

  #outlook(rate: number): Partial<Progress> {
    const { total } = this.#options;
    if (total === undefined) return {};
    const left = Math.max(0, total - this.#bytes);
    const percent = total === 0 ? 100 : Math.min(100, Math.floor((this.#bytes / total) * 100));
    return { total, percent, ...(rate > 0 || left === 0 ? { eta: left === 0 ? 0 : left / rate } : {}) };
  }
}
