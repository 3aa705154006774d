import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { NODE_PEERS, type ContenderName } from '../contender';
import { smallFiles, type Scale } from '../files';
import type { Job, Scene } from '../job';
import { ratio } from '../target';
import type { Outcome, Work } from '../work';
import { cpuEach, PEAK, rate } from './measures';

const CONTENDERS: readonly ContenderName[] = ['ours', 'ours-awaited', 'net', ...NODE_PEERS, 'python', 'curl', 'lftp'];
const TREES: readonly ContenderName[] = ['ours', 'basic-ftp', 'lftp'];

/** Many files of 0 to 9 KiB, on loopback, and a tree of them where the way is long, too. */
export function smallFileJobs({ smallFiles: count }: Scale): Job[] {
  const { names, sizes, total } = smallFiles('small', count);
  const speed = rate('files', count);
  const cost = cpuEach('file', count);
  const tree = {
    title: `a tree of ${count} files of 0 to 9 KiB`,
    content: ['tree'],
    contenders: TREES,
    work: ({ folder }: Scene): Work => ({ kind: 'tree', path: 'tree', folder: join(folder, 'tree') }),
    check: (_: Outcome, { folder }: Scene) => wrongCount(join(folder, 'tree'), count),
  } as const;
  const common = { where: 'plain', content: ['small'], contenders: CONTENDERS, measures: [speed, cost, PEAK], targets: [ratio(speed, 'best peer', 1.6), ratio(cost, 'best peer', 0.6)] } as const;
  return [
    {
      ...common,
      name: 'small-down',
      title: `${count} files of 0 to 9 KiB down`,
      work: () => ({ kind: 'drain', names }),
      check: ({ counted }) => (counted === undefined || counted === 0 || counted === total ? undefined : `${counted} of ${total} bytes came`),
    },
    {
      ...common,
      name: 'small-up',
      title: `${count} files of 0 to 9 KiB up`,
      work: ({ home }) => ({ kind: 'fill', names: names.map((name) => `incoming/${basename(name)}`), sizes, folder: join(home, 'small') }),
    },
    {
      ...common,
      name: 'tree',
      ...tree,
      title: `${tree.title} down: FTPPool and lftp with 8 connections, basic-ftp with one`,
      targets: [],
    },
    {
      ...common,
      name: 'trips-tree',
      ...tree,
      title: `${tree.title} down where the way is long: FTPPool and lftp with 8 connections, basic-ftp with one`,
      where: 'link',
      patience: 600,
      targets: [ratio(speed, 'lftp', 1), ratio(speed, 'best peer', 6)],
    },
  ];
}

function wrongCount(folder: string, expected: number): string | undefined {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
  return files === expected ? undefined : `${files} of ${expected} files came`;
}
