import { basename, dirname } from 'node:path';
import type { Place, Work } from '../work';

/** lftp's commands for the work; undefined where it has no way to do it. */
export function lftp(place: Place, work: Work): string | undefined {
  const script = scriptFor(work);
  const host = place.ca === undefined ? place.host : 'localhost';
  const security = place.ca === undefined ? ['set ftp:ssl-allow no'] : [`set ssl:ca-file ${place.ca}`, 'set ftp:ssl-force yes', 'set ftp:ssl-protect-data yes', 'set dns:order inet'];
  const login = `open -u ${place.user},${place.password} -p ${place.port} ${host}`;
  return script && ['set cmd:fail-exit yes', 'set net:max-retries 1', 'set net:timeout 10', ...security, login, ...script, 'bye'].join('\n');
}

function scriptFor(work: Work): readonly string[] | undefined {
  switch (work.kind) {
    case 'drain':
      return work.names.map((name) => `cat ${name} > /dev/null`);
    case 'download':
      return [`get ${work.name} -o ${work.file}`];
    case 'upload':
    case 'put':
      return [`put ${work.file} -o ${work.name}`];
    case 'fill':
      return work.names.map((name) => `put ${work.folder}/${basename(name)} -o ${dirname(name)}/${basename(name)}`);
    case 'list':
      return [`recls ${work.path} > /dev/null`];
    case 'tree':
      return [`mirror -P8 ${work.path} ${work.folder}`];
    case 'tree-up':
      return [`mirror -R -P8 ${work.folder} ${work.path}`];
    case 'print':
      return [`cat ${work.name}`];
    default:
      return undefined;
  }
}
