import { expect } from 'chai';
import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FaultRun, SEED } from '../support/fault-proxy/run';
import type { Mode, Target } from '../support/fault-proxy/trial';
import { snapshot } from '../support/leaks';
import { note } from '../support/summary';
import { realServers, SERVERS_REQUIRED, type RealServer } from './servers';

const OPERATIONS = Number(process.env['FAULTS'] || (process.env['FTPLIB_LONG'] === '1' ? 2000 : 1000));
const NAMES = ['vsftpd-plain', 'proftpd-plain', 'vsftpd-tls', 'proftpd-tls'];
/** Clients at once of each server in each mode: a freeze is waited for, not worked on. */
const CLIENTS = { plain: 4, tls: 4 } as const;

describe(`faults at any byte, seed ${SEED}`, function () {
  this.timeout(600_000);
  const found = realServers().filter(({ name }) => NAMES.includes(name));

  before(function () {
    const missing = NAMES.filter((name) => !found.some((server) => server.name === name)).join(', ');
    if (missing === '') return;
    if (SERVERS_REQUIRED) throw new Error(`not up: ${missing}`);
    note('skipped', `faults: ${missing}, not up`);
    this.skip();
  });

  it('never make the client lie, hang or leak', async () => {
    const quiet = await snapshot();
    const run = new FaultRun();
    try {
      const [first] = found as [RealServer];
      await run.furnish(targetOf(first));
      for (const server of found) await run.add(targetOf(server), modes(server));
      const wrong = await run.run('real servers', OPERATIONS, quiet);
      expect(wrong.slice(0, 10).join('\n'), `${wrong.length} wrong, SEED=${SEED}`).to.equal('');
    } finally {
      await run.close();
      // Not by FTP: ProFTPD 1.3.8 takes CR and LF that come in two segments into the name of the file.
      for (const { home } of found.slice(0, 1)) await rm(join(home, run.folder), { recursive: true, force: true });
    }
  });
});

function modes({ secure }: RealServer): readonly Mode[] {
  const [each, clients] = secure ? ([['seam', 'PORT'], CLIENTS.tls] as const) : ([['EPSV', 'PASV', 'EPRT', 'PORT', 'seam'], CLIENTS.plain] as const);
  return Array.from({ length: clients }, () => each).flat();
}

function targetOf({ name, host, port, user, password, home, secure, certificate }: RealServer): Target {
  const store = (folder: string): ReturnType<Target['store']> => ({
    has: (file) => existsSync(join(home, folder, file)),
    read: (file) => readFileSync(join(home, folder, file)),
  });
  return { name, host, port, user, password, secure, store, ...(secure === false ? {} : { ca: readFileSync(certificate) }) };
}
