import { NODE_PEERS, type ContenderName } from './contender';
import { spread, type Spread } from './statistics';
import type { Sample } from './work';

/** One figure of a sample. */
export interface Measure {
  readonly title: string;
  readonly better: 'more' | 'less';
  readonly digits: number;
  of(sample: Sample): number;
}

/** The samples of one job: a contender's n-th was taken in the n-th round. */
export class Results {
  readonly #samples = new Map<ContenderName, (Sample | undefined)[]>();
  readonly failures = new Map<ContenderName, string>();

  add(name: ContenderName, round: number, sample: Sample): void {
    const samples = this.#samples.get(name) ?? [];
    samples[round] = sample;
    this.#samples.set(name, samples);
  }

  get names(): ContenderName[] {
    return [...this.#samples.keys()];
  }

  spread(name: ContenderName, measure: Measure): Spread | undefined {
    const samples = this.#of(name);
    return samples.length === 0 ? undefined : spread(samples.map((sample) => measure.of(sample)));
  }

  /** Ours / theirs in each round that both have: noise that lasts longer than a round falls out of the median. */
  ratio(measure: Measure, other: ContenderName, ours: ContenderName = 'ours'): Spread | undefined {
    const theirs = this.#samples.get(other) ?? [];
    const ratios = (this.#samples.get(ours) ?? []).flatMap((sample, round) => {
      const same = theirs[round];
      return sample && same ? [measure.of(sample) / measure.of(same)] : [];
    });
    return ratios.length === 0 ? undefined : spread(ratios);
  }

  /** The other Node client with the best median. */
  bestPeer(measure: Measure): ContenderName | undefined {
    const sign = measure.better === 'more' ? -1 : 1;
    const medians = NODE_PEERS.flatMap((name) => {
      const found = this.spread(name, measure);
      return found ? [{ name, value: sign * found.median }] : [];
    });
    return medians.sort((a, b) => a.value - b.value)[0]?.name;
  }

  toJSON(): object {
    return { samples: Object.fromEntries(this.#samples), failures: Object.fromEntries(this.failures) };
  }

  #of(name: ContenderName): Sample[] {
    return (this.#samples.get(name) ?? []).filter((sample) => sample !== undefined);
  }
}
