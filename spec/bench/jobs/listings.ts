import type { ContenderName } from '../contender';
import type { Scale } from '../files';
import type { Job } from '../job';
import { ratio } from '../target';
import { cpuEach, GROWTH, HELD, PEAK, rate } from './measures';

/** Without ftp and promise-ftp, which take twenty times as long: that would be most of the time of all jobs. */
const CONTENDERS: readonly ContenderName[] = ['ours', 'before', 'net', 'basic-ftp', 'python', 'lftp'];

/** A folder with many entries: as vsftpd lists it, and from memory, where the server takes no time. */
export function listingJobs({ entries }: Scale): Job[] {
  const speed = rate('entries', entries);
  const common = { contenders: CONTENDERS, measures: [speed, cpuEach('entry', entries, 'µs'), GROWTH, HELD, PEAK] };
  const small = [ratio(GROWTH, 'basic-ftp', 0.1), ratio(HELD, 'basic-ftp', 0.1)];
  return [
    { ...common, name: 'list', title: `a listing of ${entries} entries`, where: 'plain', content: ['list'], targets: [ratio(speed, 'basic-ftp', 1.3), ratio(speed, 'python', 1), ...small], work: () => ({ kind: 'list', path: 'list' }), check },
    { ...common, name: 'list-memory', title: `a listing of ${entries} entries`, where: 'memory', content: [], targets: [ratio(speed, 'basic-ftp', 2), ...small], work: () => ({ kind: 'list', path: 'list' }), check },
  ];

  function check({ counted = entries }: { readonly counted?: number }): string | undefined {
    return counted === entries ? undefined : `${counted} of ${entries} entries came`;
  }
}
