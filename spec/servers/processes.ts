import { spawn } from 'node:child_process';
import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LAB, textOf } from './lab';
import { ftpdssl, inetutils } from './recipes/inetd';
import { ftpproxy } from './recipes/ftpproxy';
import { gridftp } from './recipes/gridftp';
import { npm } from './recipes/npm';
import { modproxy, proftpd } from './recipes/proftpd';
import { dante, forwardingFtpproxy, forwardingModproxy, microsocks, squid, tinyproxy } from './recipes/proxies';
import { pureftpd } from './recipes/pureftpd';
import { python } from './recipes/python';
import type { Recipe } from './recipes/recipe';
import { tcllib } from './recipes/tcllib';
import { vsftpd } from './recipes/vsftpd';
import type { ProxyFamily, RealProxy } from './proxies';
import { isUp, type Family, type RealServer } from './servers';

/** What the lab starts. */
export type Daemon = RealServer | RealProxy;

const RECIPES: Readonly<Record<Family, (server: RealServer, configFile: string) => Recipe>> = {
  vsftpd, proftpd, pureftpd, pyftpdlib: python, inetutils, ftpdssl, gridftp, aioftp: python, twisted: python,
  ftpsrv: npm, npmftpd: npm, simpleftpd: npm, tcllib, ftpproxy, modproxy,
};

const PROXY_RECIPES: Readonly<Record<ProxyFamily, (proxy: RealProxy, configFile: string) => Recipe>> = {
  tinyproxy, squid, microsocks, dante, ftpproxy: forwardingFtpproxy, modproxy: forwardingModproxy,
};

/** A pid alone does not tell a process from a later one. `started` is in clock ticks since boot. */
interface Process {
  readonly pid: number;
  readonly started: number;
}

/** Start a server or a proxy, and wait until it accepts connections; false if it was running already. */
export async function start(server: Daemon): Promise<boolean> {
  if (pidOf(server) !== undefined) return false;
  if (await isUp(server)) throw new Error(`${server.name}: something else listens on port ${server.port}`);
  const { command: [program, ...args], config, env } = recipeFor(server, fileOf(server, 'conf'));
  if (config !== undefined) writeFileSync(fileOf(server, 'conf'), config, { mode: 0o600 });
  const log = openSync(fileOf(server, 'log'), 'w');
  // detached is setsid(2): the server outlives us, and no terminal's signal reaches it.
  const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log], env: { PATH: process.env['PATH'], LANG: 'C.UTF-8', TZ: 'UTC', ...env } });
  child.on('error', () => undefined).unref();
  closeSync(log);
  const started = child.pid === undefined ? undefined : processOf(child.pid);
  if (started) writeFileSync(fileOf(server, 'pid'), JSON.stringify(started));
  await ready(server);
  return true;
}

/** Stop a server and all its sessions; false if it was not running. */
export async function stop(server: Daemon): Promise<boolean> {
  const pid = pidOf(server);
  if (pid === undefined) return false;
  // Not the process group: the sessions of vsftpd leave it.
  const doomed = family(pid);
  kill(doomed, 'SIGTERM');
  for (let tries = 0; tries < 30 && doomed.some(isAlive); tries++) await delay(100);
  kill(doomed.filter(isAlive), 'SIGKILL');
  rmSync(fileOf(server, 'pid'));
  return true;
}

/** Undefined if the server is not running. */
export function pidOf(server: Daemon): number | undefined {
  const saved = textOf(fileOf(server, 'pid'));
  if (saved === '') return undefined;
  const process = JSON.parse(saved) as Process;
  return isAlive(process) ? process.pid : undefined;
}

function recipeFor(daemon: Daemon, configFile: string): Recipe {
  return 'schemes' in daemon ? PROXY_RECIPES[daemon.family](daemon, configFile) : RECIPES[daemon.family](daemon, configFile);
}

async function ready(server: Daemon): Promise<void> {
  for (let tries = 0; tries < 100 && pidOf(server) !== undefined; tries++) {
    if (await isUp(server)) return;
    await delay(100);
  }
  throw new Error(`${server.name} did not start, see ${fileOf(server, 'log')}`);
}

/** The process and all that descend from it. */
function family(pid: number): Process[] {
  const self = processOf(pid);
  if (!self) return [];
  const children = textOf(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean);
  return [self, ...children.flatMap((child) => family(Number(child)))];
}

/** Undefined for what is gone or a zombie: fields 3 and 22 of /proc/PID/stat, see proc(5). */
function processOf(pid: number): Process | undefined {
  const stat = textOf(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return stat === '' || fields[0] === 'Z' ? undefined : { pid, started: Number(fields[19]) };
}

function isAlive({ pid, started }: Process): boolean {
  return processOf(pid)?.started === started;
}

function kill(processes: readonly Process[], signal: NodeJS.Signals): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended by itself.
    }
  }
}

function fileOf({ name }: Daemon, kind: 'conf' | 'log' | 'pid'): string {
  return join(LAB, kind === 'pid' ? 'run' : kind, `${name}.${kind}`);
}
