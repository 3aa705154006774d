import { statSync } from 'node:fs';
import { join } from 'node:path';
import { NODE_PEERS, type ContenderName } from '../contender';
import { MIB, type Scale } from '../files';
import type { Job, Scene } from '../job';
import { ratio, type Target } from '../target';
import type { Outcome } from '../work';
import { cpuPerGib, PEAK, throughput } from './measures';

const CONTENDERS: readonly ContenderName[] = ['ours', 'net', ...NODE_PEERS, 'python', 'curl', 'lftp'];

/** One large file, in each direction, in the clear and in TLS. */
export function bigFileJobs({ bigBytes }: Scale): Job[] {
  const speed = throughput(bigBytes);
  const cost = cpuPerGib(bigBytes);
  const size = `${bigBytes / MIB} MiB`;
  const frugal = [ratio(cost, 'best peer', 1), ratio(cost, 'net', 1)];
  const asFast = [ratio(speed, 'best peer', 1), ratio(speed, 'net', 1), ...frugal];
  const faster = [ratio(speed, 'best peer', 1.3), ratio(speed, 'net', 1.3), ...frugal];
  return (['plain', 'tls'] as const).flatMap((where) => {
    const prefix = where === 'tls' ? 'tls-' : '';
    const common = { where, content: ['big'] as const, contenders: CONTENDERS, measures: [speed, cost, PEAK] };
    const targets = (plain: readonly Target[]): readonly Target[] => (where === 'plain' ? plain : []);
    return [
      {
        ...common,
        name: `${prefix}down-null`,
        title: `${size} down to nothing`,
        targets: targets(asFast),
        work: () => ({ kind: 'drain', names: ['big.bin'] }),
        check: ({ counted }: Outcome) => (counted === undefined || counted === bigBytes ? undefined : `${counted} bytes came`),
      },
      {
        ...common,
        name: `${prefix}down-file`,
        title: `${size} down to a file`,
        targets: where === 'tls' ? [ratio(speed, 'best peer', 1.2)] : faster,
        work: ({ folder }: Scene) => ({ kind: 'download', name: 'big.bin', file: join(folder, 'big.bin') }),
        check: (_: Outcome, { folder }: Scene) => wrongSize(join(folder, 'big.bin'), bigBytes),
      },
      {
        ...common,
        name: `${prefix}up-file`,
        title: `${size} up from a file`,
        targets: targets(asFast),
        work: ({ home }: Scene) => ({ kind: 'upload', file: join(home, 'big.bin'), name: 'incoming/big.bin' }),
      },
    ] satisfies Job[];
  });
}

function wrongSize(file: string, expected: number): string | undefined {
  const { size } = statSync(file);
  return size === expected ? undefined : `the file has ${size} bytes`;
}
