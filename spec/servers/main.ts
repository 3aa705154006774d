import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { LAB, PASSWORD, USER } from './lab';
import { type Daemon, pidOf, start, stop } from './processes';
import { PROXIES } from './proxies';
import { SERVERS } from './servers';

const USAGE = `Real FTP servers and proxies on loopback for the specs. Debian 12, as root.

  npm run servers -- install          packages, users, certificate, files; quick when there is nothing to do
  npm run servers -- start [NAME…]    all without names; ready when it returns; prints the names that it started
  npm run servers -- stop [NAME…]
  npm run servers -- status [NAME…]
  npm run servers -- list [--json] [NAME…]   of servers: name, host, port, TLS, user, password, home, certificate; of proxies: name, host, port, schemes, user, password;
                                      --json has everything
  npm run servers -- reset            put the files back; servers may be running, specs may not

A NAME may be a family: vsftpd is all that begin with vsftpd-. Everything is in $FTPLIB_LAB, now ${LAB}.`;

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});

async function main([action, ...rest]: readonly string[]): Promise<void> {
  const servers = chosen(rest.filter((each) => each !== '--json'));
  switch (action) {
    case 'install':
      return run('install.sh');
    case 'reset':
      return run('tree.py', LAB, USER);
    case 'start':
      return each(servers, start);
    case 'stop':
      return each(servers, stop);
    case 'status':
      return servers.forEach((server) => console.log(`${server.name}\t${pidOf(server) ?? 'down'}`));
    case 'list':
      return console.log(rest.includes('--json') ? JSON.stringify(servers, null, 2) : servers.map(row).join('\n'));
    default:
      console.error(USAGE);
      process.exitCode = 2;
  }
}

function chosen(names: readonly string[]): readonly Daemon[] {
  const all: readonly Daemon[] = [...SERVERS, ...PROXIES];
  const unknown = names.find((name) => !all.some((each) => each.name === name || each.family === name));
  if (unknown !== undefined) throw new Error(`unknown server ${unknown}`);
  return names.length === 0 ? all : all.filter(({ name, family }) => names.includes(name) || names.includes(family));
}

/** Act on all at once, print the names of those that changed, and fail if one failed. */
async function each(servers: readonly Daemon[], act: (server: Daemon) => Promise<boolean>): Promise<void> {
  const results = await Promise.allSettled(servers.map(async (server) => ((await act(server)) ? console.log(server.name) : undefined)));
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []));
  if (failures.length > 0) throw new Error(failures.join('\n'));
}

function run(script: string, ...args: string[]): void {
  execFileSync(join(__dirname, script), args, { stdio: 'inherit', env: { ...process.env, LAB, FTP_USER: USER, FTP_PASSWORD: PASSWORD } });
}

function row(daemon: Daemon): string {
  const { name, host, port, user, password } = daemon;
  const columns = 'schemes' in daemon ? [name, host, port, daemon.schemes, user, password] : [name, host, port, daemon.tls, user, password, daemon.home, daemon.certificate];
  return columns.map((column) => column ?? '').join('\t');
}
