import { expect } from 'chai';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { FTP } from '../../lib/index';
import { note } from '../support/summary';
import { availableServers, optionsOf, realServers, SERVERS, SERVERS_REQUIRED, type Ability, type RealServer } from './servers';

/** Harmless, and answered by 2yz or 3yz where the server has the ability. PASV is last: Twisted then waits for a data connection. */
const COMMANDS: readonly (readonly [Ability, string])[] = [
  ['feat', 'FEAT'],
  ['size', 'SIZE readme.txt'],
  ['mdtm', 'MDTM readme.txt'],
  ['mfmt', 'MFMT 20200229123456 readme.txt'],
  ['mlsd', 'MLST readme.txt'],
  ['rest', 'REST 0'],
  ['epsv', 'EPSV'],
  ['pasv', 'PASV'],
];

describe('real servers', () => {
  it('are all up, where they are required', async () => {
    const up = await availableServers();
    const down = SERVERS.filter((server) => !up.includes(server)).map(({ name }) => name);
    if (SERVERS_REQUIRED) expect(down).to.deep.equal([]);
    else if (down.length > 0) note('skipped', `${down.length === SERVERS.length ? 'all real servers' : down.join(' ')}, not up`);
  });

  for (const server of realServers()) {
    it(`${server.name} can do what the table says`, async () => {
      const ftp = new FTP(optionsOf(server));
      try {
        await ftp.voidcmd('TYPE I');
        const wrong: string[] = [];
        for (const [ability, line] of commandsFor(server)) {
          if ((await accepts(ftp, line)) !== server.can[ability]) wrong.push(line);
        }
        expect(wrong).to.deep.equal([]);
      } finally {
        ftp.close();
      }
    });
  }

  // pyftpdlib 1.5.7 by itself does not: see recipes/pyserver.py.
  for (const server of realServers().filter(({ can }) => can.port)) {
    it(`${server.name} serves a client that came while the active data connection of another was closed`, async () => {
      const one = new FTP({ ...optionsOf(server), passive: false });
      const other = new FTP({ ...optionsOf(server), replyTimeout: 5000 });
      try {
        await one.list().toArray();
        await other.connect();
        await one.list().toArray();
        await other.login();
        expect(await other.list().toArray()).to.have.length.greaterThan(0);
      } finally {
        one.close();
        other.close();
      }
    });
  }

  // pyftpdlib 1.5.7 by itself tries to end TLS again and again, for which it takes all of a core: see recipes/pyserver.py.
  for (const server of realServers().filter(({ secure }) => secure !== false)) {
    it(`${server.name} lets go of a client whose FIN comes without close_notify`, async () => {
      const opened: Socket[] = [];
      const ftp = new FTP({
        ...optionsOf(server),
        createConnection: ({ host, port }) => {
          const socket = connect({ host, port, allowHalfOpen: true });
          opened.push(socket);
          const stream = new Duplex({ read: () => undefined, write: (chunk: Buffer, _encoding, done) => void (socket.writableEnded ? done() : socket.write(chunk, done)), final: (done) => done() }); // what ends or destroys it leaves the socket open
          return (socket.on('data', (chunk: Buffer) => stream.push(chunk)), stream);
        },
      });
      await ftp.pwd();
      const [control] = opened as [Socket];
      const ended = once(control, 'end');
      control.end();
      await ended;
      ftp.close();
    });
  }
});

/** vsftpd answers PASV on IPv6, too, although it means nothing there. */
function commandsFor({ host }: RealServer): typeof COMMANDS {
  return COMMANDS.filter(([ability]) => ability !== 'pasv' || host !== '::1');
}

function accepts(ftp: FTP, line: string): Promise<boolean> {
  return ftp.sendcmd(line).then(
    () => true,
    () => false,
  );
}
