import { basename, dirname } from 'node:path';
import type { Place, Work } from '../work';

/** curl's arguments for the work; undefined where it has no way to do it. */
export function curl(place: Place, work: Work): readonly string[] | undefined {
  const host = place.ca === undefined ? place.host : 'localhost';
  const url = `ftp://${host}:${place.port}/`;
  // nocwd: the path goes into RETR, as the others have it.
  const common = ['curl', '-sS', '--fail', '--ftp-method', 'nocwd', '--user', `${place.user}:${place.password}`];
  if (place.ca !== undefined) common.push('--ssl-reqd', '--cacert', place.ca, '-4');
  switch (work.kind) {
    case 'drain':
      return [...common, ...work.names.flatMap((name) => ['-o', '/dev/null', `${url}${name}`])];
    case 'download':
      return [...common, '-o', work.file, `${url}${work.name}`];
    case 'upload':
    case 'put':
      return [...common, '-T', work.file, `${url}${work.name}`];
    case 'fill':
      return [...common, ...work.names.flatMap((name) => ['-T', `${work.folder}/${basename(name)}`, `${url}${dirname(name)}/`])];
    case 'list':
      return [...common, '-o', '/dev/null', `${url}${work.path}/`];
    case 'print':
      return [...common, '-N', `${url}${work.name}`];
    default:
      return undefined;
  }
}
