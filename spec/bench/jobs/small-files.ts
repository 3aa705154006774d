import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { NODE_PEERS, type ContenderName } from '../contender';
import { PART, smallFiles, type Scale } from '../files';
import type { Job, Scene } from '../job';
import { figure, ratio } from '../target';
import type { Outcome, Work } from '../work';
import { cpuEach, PEAK, rate } from './measures';

const CONTENDERS: readonly ContenderName[] = ['ours', 'before', 'ours-awaited', 'net', ...NODE_PEERS, 'python', 'curl', 'lftp'];
const TREES: readonly ContenderName[] = ['ours', 'before', 'net', 'basic-ftp', 'lftp'];
/** With one connection it takes minutes over a long way. */
const LINKED = TREES.filter((name) => name !== 'basic-ftp');
/** Where the way is long, the part of the tree. */
const FAR = 'tree/part';

/** Many files of 0 to 9 KiB, on loopback, and a tree of them where the way is long, too. */
export function smallFileJobs({ smallFiles: count }: Scale): Job[] {
  const { names, sizes, total } = smallFiles('small', count);
  const speed = rate('files', count);
  const cost = cpuEach('file', count);
  const tree = `a tree of ${count} files of 0 to 9 KiB`;
  const by = 'FTPPool, net and lftp with 8 connections, basic-ftp with one';
  const treeDown = {
    content: ['tree'],
    contenders: TREES,
    work: ({ folder }: Scene): Work => ({ kind: 'tree', path: 'tree', folder: join(folder, 'tree') }),
    check: (_: Outcome, { folder }: Scene) => wrongCount(join(folder, 'tree'), count),
  } as const;
  const treeUp = {
    content: ['tree'],
    contenders: TREES,
    work: ({ home }: Scene): Work => ({ kind: 'tree-up', folder: join(home, 'tree'), path: 'incoming/tree' }),
    check: (_: Outcome, { home }: Scene) => wrongCount(join(home, 'incoming/tree'), count),
  } as const;
  const part = Math.min(PART, count);
  const farSpeed = rate('files', part);
  const far = { content: ['tree'], contenders: LINKED, measures: [farSpeed, cpuEach('file', part), PEAK], where: 'link', patience: 600, rounds: 1, targets: [ratio(farSpeed, 'lftp', 2)] } as const;
  const common = { where: 'plain', content: ['small'], contenders: CONTENDERS, measures: [speed, cost, PEAK] } as const;
  const asFrugal = ratio(cost, 'best peer', 1);
  const treeTargets = [ratio(speed, 'lftp', 0.8), figure(cost, 0.8)];
  return [
    {
      ...common,
      name: 'small-down',
      title: `${count} files of 0 to 9 KiB down`,
      targets: [ratio(speed, 'best peer', 1.05), asFrugal],
      work: () => ({ kind: 'drain', names }),
      check: ({ counted }) => (counted === undefined || counted === 0 || counted === total ? undefined : `${counted} of ${total} bytes came`),
    },
    {
      ...common,
      name: 'small-up',
      title: `${count} files of 0 to 9 KiB up`,
      targets: [ratio(speed, 'best peer', 1), asFrugal],
      work: ({ home }) => ({ kind: 'fill', names: names.map((name) => `incoming/${basename(name)}`), sizes, folder: join(home, 'small') }),
    },
    {
      ...common,
      name: 'tree-down',
      ...treeDown,
      title: `${tree} down: ${by}`,
      targets: treeTargets,
    },
    {
      ...common,
      name: 'tree-up',
      ...treeUp,
      title: `${tree} up: ${by}`,
      targets: treeTargets,
    },
    {
      ...far,
      name: 'trips-tree-down',
      title: `a tree of ${part} files of 0 to 9 KiB down where the way is long, with 8 connections`,
      work: ({ folder }) => ({ kind: 'tree', path: FAR, folder: join(folder, 'tree') }),
      check: (_, { folder }) => wrongCount(join(folder, 'tree'), part),
    },
    {
      ...far,
      name: 'trips-tree-up',
      title: `a tree of ${part} files of 0 to 9 KiB up where the way is long, with 8 connections`,
      work: ({ home }) => ({ kind: 'tree-up', folder: join(home, FAR), path: 'incoming/tree' }),
      check: (_, { home }) => wrongCount(join(home, 'incoming/tree'), part),
    },
  ];
}

function wrongCount(folder: string, expected: number): string | undefined {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
  return files === expected ? undefined : `${files} of ${expected} files came`;
}
