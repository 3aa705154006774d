import { statSync } from 'node:fs';
import { join } from 'node:path';
import { NODE_PEERS, type ContenderName } from '../contender';
import { MIB, type Scale } from '../files';
import type { Job, Scene } from '../job';
import { nameOf } from '../servers/content';
import { ratio } from '../target';
import type { Outcome } from '../work';
import { cpuPerGib, PEAK, throughput } from './measures';

const CONTENDERS: readonly ContenderName[] = ['ours', 'before', 'net', ...NODE_PEERS, 'python', 'curl'];

/** One large file, in each direction, in the clear and in TLS. An upload may be piped from a stream of the file, or be given its path. */
export function bigFileJobs({ bigBytes }: Scale): Job[] {
  return (['plain', 'tls'] as const).flatMap((where) => {
    const prefix = where === 'tls' ? 'tls-' : '';
    const content = where === 'tls' ? 'half' : 'big'; // TLS takes three times as long
    const name = nameOf(content);
    const bytes = content === 'half' ? bigBytes / 2 : bigBytes;
    const speed = throughput(bytes);
    const cost = cpuPerGib(bytes);
    const size = `${bytes / MIB} MiB`;
    const asFast = [ratio(speed, 'best peer', 1), ratio(cost, 'best peer', 1)];
    const common = { where, content: [content] as const, contenders: CONTENDERS, measures: [speed, cost, PEAK] };
    const file = ({ home }: Scene): { readonly file: string; readonly name: string } => ({ file: join(home, name), name: `incoming/${name}` });
    return [
      {
        ...common,
        name: `${prefix}down-null`,
        title: `${size} down to nothing`,
        targets: asFast,
        work: () => ({ kind: 'drain', names: [name] }),
        check: ({ counted }: Outcome) => (counted === undefined || counted === bytes ? undefined : `${counted} bytes came`),
      },
      {
        ...common,
        name: `${prefix}down-file`,
        title: `${size} down to a file`,
        targets: [ratio(speed, 'best peer', 1.2), ratio(speed, 'curl', where === 'tls' ? 0.8 : 0.95)],
        work: ({ folder }: Scene) => ({ kind: 'download', name, file: join(folder, name) }),
        check: (_: Outcome, { folder }: Scene) => wrongSize(join(folder, name), bytes),
      },
      {
        ...common,
        name: `${prefix}up-file`,
        title: `${size} up from a file`,
        targets: asFast,
        work: (scene: Scene) => ({ kind: 'upload', ...file(scene) }),
      },
      {
        ...common,
        name: `${prefix}put-file`,
        title: `${size} up from the path of a file`,
        targets: where === 'tls' ? asFast : [...asFast, ratio(speed, 'curl', 0.85), ratio(cost, 'curl', 1.2)],
        work: (scene: Scene) => ({ kind: 'put', ...file(scene) }),
      },
    ] satisfies Job[];
  });
}

function wrongSize(file: string, expected: number): string | undefined {
  const { size } = statSync(file);
  return size === expected ? undefined : `the file has ${size} bytes`;
}
