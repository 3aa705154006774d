import { basename, join } from 'node:path';
import { NODE_PEERS, type ContenderName } from '../contender';
import { smallFiles, type Scale } from '../files';
import type { Job, Scene } from '../job';
import { figure } from '../target';
import type { Work } from '../work';
import { FIRST_BYTE, PEAK, roundTrips } from './measures';

const CONTENDERS: readonly ContenderName[] = ['ours', 'before', 'ours-awaited', 'net', ...NODE_PEERS, 'python', 'curl', 'lftp'];

/** The certificate is for localhost, which the others look at, and the server is elsewhere. */
const SECURE: readonly ContenderName[] = ['ours', 'before', 'ours-awaited', 'net', 'basic-ftp'];

/** How long things take where the way is long. */
export function roundTripJobs({ linkFiles, linkSizes, roundTrip }: Scale): Job[] {
  const { names, sizes } = smallFiles('small', linkFiles);
  const perFile = roundTrips('round trips/file', linkFiles, roundTrip);
  const inAll = roundTrips('round trips in all', 1, roundTrip);
  const asked = Array.from({ length: linkSizes }, (_, n) => names[n % names.length] ?? '');
  const common = { where: 'link', content: ['small'], contenders: CONTENDERS, measures: [perFile, PEAK], rounds: 1 } as const;
  const drain = (): Work => ({ kind: 'drain', names });
  const fill = ({ home }: Scene): Work => ({ kind: 'fill', names: names.map((name) => `incoming/${basename(name)}`), sizes, folder: join(home, 'small') });
  return [
    { ...common, name: 'trips-down', title: `${linkFiles} small files down`, targets: [figure(perFile, 2.2), figure(perFile, 2.2, 'ours-awaited')], work: drain },
    { ...common, name: 'trips-up', title: `${linkFiles} small files up`, targets: [figure(perFile, 3.3), figure(perFile, 3.3, 'ours-awaited')], work: fill },
    { ...common, name: 'trips-tls-down', title: `${linkFiles} small files down, TLS`, contenders: SECURE, where: 'tls-link', targets: [], work: drain },
    { ...common, name: 'trips-tls-up', title: `${linkFiles} small files up, TLS`, contenders: SECURE, where: 'tls-link', targets: [], work: fill },
    {
      ...common,
      name: 'trips-size',
      title: `${linkSizes} × SIZE called together`,
      contenders: ['ours', 'before', 'net', ...NODE_PEERS, 'python'],
      measures: [inAll, PEAK],
      targets: [figure(inAll, 10)],
      work: () => ({ kind: 'sizes', names: asked }),
    },
    {
      ...common,
      name: 'trips-start',
      title: 'from the start of the process to the first byte of a file',
      measures: [FIRST_BYTE, PEAK],
      contenders: CONTENDERS.filter((name) => name !== 'ours-awaited'),
      targets: [],
      work: () => ({ kind: 'print', name: names[1] ?? '' }),
    },
  ];
}
