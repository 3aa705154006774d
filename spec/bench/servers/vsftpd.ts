import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CERTIFICATE, packageFolder, PASSWORD, USER } from '../../servers/lab';
import { vsftpd as recipe } from '../../servers/recipes/vsftpd';
import { SERVERS } from '../../servers/servers';
import type { Place } from '../work';
import { answers, freePort } from './port';
import type { Running } from './running';

/** How the bench has its own vsftpd: installed by `npm run servers -- install`, with another folder and other ports. */
export interface Vsftpd {
  readonly command: readonly [program: string, ...args: string[]];
  readonly place: Place;
}

/** Whether it can be started: it needs root, because its sessions change their user. */
export function canRunVsftpd(): boolean {
  return process.getuid?.() === 0 && existsSync(join(packageFolder('vsftpd'), 'usr/sbin/vsftpd'));
}

/** Writes the configuration of a server into `folder`, which serves `home` at that address. */
export async function configureVsftpd(folder: string, home: string, secure: boolean, host = '127.0.0.1'): Promise<Vsftpd> {
  const name = secure ? 'vsftpd-tls' : 'vsftpd-plain';
  const server = SERVERS.find((each) => each.name === name);
  if (!server) throw new Error(`the lab has no ${name}`);
  const port = await freePort();
  const file = join(folder, `${name}-${port}.conf`);
  const { command, config = '' } = recipe({ ...server, port, passivePorts: [15_000, 24_999] }, file);
  // The last of two lines counts.
  writeFileSync(file, `${config}\nlisten_address=${host}\nlocal_root=${home}\nvsftpd_log_file=/dev/null\n`, { mode: 0o600 });
  return { command, place: { host, port, user: USER, password: PASSWORD, ca: secure ? CERTIFICATE : undefined } };
}

/** vsftpd 3.0.3 does not survive being process 1 of its namespace. */
const NOT_FIRST = '"$@" & wait';

/** Starts it; its sessions end with it, because they are in a process namespace of their own. */
export async function startVsftpd({ command, place }: Vsftpd): Promise<Running> {
  const child = spawn('unshare', ['--pid', '--fork', '--kill-child', 'sh', '-c', NOT_FIRST, 'sh', ...command], { stdio: 'ignore' });
  await answers(place.host, place.port);
  return { place, stop: () => void child.kill('SIGKILL') };
}
