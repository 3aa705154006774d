import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SOURCES } from '../folders';
import { answers } from '../servers/port';
import type { Running } from '../servers/running';
import { canRunVsftpd, configureVsftpd } from '../servers/vsftpd';

/** Links have four addresses each, two of them for their ends; benchmarking addresses (RFC 2544, C.2.2), which no real network has. */
const NETWORK = '198.18.77';
let links = 0;

/** Whether packets can be delayed here: that needs root, TUN devices and network namespaces. */
export function canDelayPackets(): boolean {
  return canRunVsftpd() && existsSync('/dev/net/tun');
}

/** Starts vsftpd behind a link that delays every packet; `roundTrip` is in seconds, there and back. */
export async function startBehindLink(folder: string, home: string, roundTrip: number, secure: boolean): Promise<Running> {
  const first = 4 * links++;
  const [client, server] = [`${NETWORK}.${first + 1}`, `${NETWORK}.${first + 2}`];
  const { command, place } = await configureVsftpd(folder, home, secure, server);
  const args = [join(SOURCES, 'link/tun_link.py'), String(roundTrip / 2), client, server, ...command];
  const child = spawn('python3', args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const failed = once(child, 'exit').then(() => Promise.reject(new Error('the delayed link could not be made')));
  await Promise.race([once(child.stdout, 'data'), failed]);
  failed.catch(() => undefined);
  const stop = (): void => void child.stdin.end();
  await answers(place.host, place.port).catch((error: unknown) => {
    stop();
    throw error;
  });
  return { place, stop };
}
