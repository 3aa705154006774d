import type { ContenderName } from './contender';
import type { Measure } from './results';
import type { Content } from './servers/content';
import type { Target } from './target';
import type { Outcome, Work } from './work';

/** Where a job finds its server: on loopback, in TLS, behind a link with a delay, in the clear or in TLS, one that lists from memory; or it needs none. */
export type Where = 'plain' | 'tls' | 'link' | 'tls-link' | 'memory' | 'nowhere';

/** What a job may use. */
export interface Scene {
  /** An empty folder for this run. */
  readonly folder: string;
  /** The files of `content`, on this machine. */
  readonly home: string;
}

/** One thing that all contenders do. */
export interface Job {
  readonly name: string;
  readonly title: string;
  readonly where: Where;
  readonly content: readonly Content[];
  readonly contenders: readonly ContenderName[];
  readonly measures: readonly Measure[];
  readonly targets: readonly Target[];
  /** At the most so many rounds, for what is counted in round trips of a long link, which scatter little; default: as many as are asked for. */
  readonly rounds?: number;
  /** Seconds after which a contender is given up; default 60. */
  readonly patience?: number;
  work(scene: Scene): Work;
  /** Says what is wrong with what was done, if anything is. */
  check?(outcome: Outcome, scene: Scene): string | undefined;
}
