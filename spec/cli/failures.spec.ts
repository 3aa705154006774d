import { expect } from 'chai';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { certificate, type CertificateName } from '../support/server/certificates';
import { content } from '../support/server/content';
import { FtpServer } from '../support/server/ftp-server';
import { gate } from '../support/server/gate';
import { data, normal, resetControl, send, until } from '../support/server/steps';
import type { FtpServerOptions } from '../support/server/server-options';
import { CommandLine, objectsIn, type Outcome } from './command-line';

const BIG = content(20_000_000);

describe('failures of the command line', function () {
  this.timeout(60_000);
  const command = new CommandLine();
  let server: FtpServer;
  let home: string;
  const serve = async (options: FtpServerOptions = {}): Promise<void> => {
    server = await FtpServer.start({ users: { user: 'secret' }, files: { '/a.txt': 'file a', '/big.bin': BIG, '/incoming/': '' }, ...options });
    home = server.url.slice(0, -1);
  };
  afterEach(() => server?.close());

  /** One sentence on stderr, no stack, no password, and nothing on stdout. */
  const expectSentence = ({ code, stdout, stderr }: Outcome, expected: number, sentence: RegExp): void => {
    expect(stderr).to.match(sentence).and.match(/^[^\n]*\n$/);
    expect(stderr).to.not.include('secret').and.not.match(/\n {4}at /);
    expect([code, stdout]).to.deep.equal([expected, '']);
  };

  describe('no connection and no login are 3', () => {
    it('where nobody listens, at once, for whatever is tried again later', async () => {
      await serve();
      const { port } = server;
      await server.close();
      command.write('x', 'x');
      const place = `ftp://user:secret@127.0.0.1:${port}/x`;
      for (const words of [['ls', place], ['get', place], ['put', 'x', place], ['cat', place], ['mirror', place, 'x'], ['watch', place], ['rm', place]]) {
        expectSentence(await command.run(words), 3, /^ftplib: cannot connect: connect ECONNREFUSED 127\.0\.0\.1:\d+: check the host and the port; no server listens there\n$/);
      }
    });

    it('for a host that is not known', async () => {
      expectSentence(await command.run(['ls', 'ftp://no-such-host.invalid/']), 3, /^ftplib: cannot connect: getaddrinfo (ENOTFOUND|EAI_AGAIN) no-such-host\.invalid: check the name of the host/);
    });

    it('for a wrong password', async () => {
      await serve();
      const refused = /^ftplib: the server refuses the login: 530 Login incorrect: check the user and the password \(URL, FTPLIB_PASSWORD, ~\/\.netrc\)\n$/;
      expectSentence(await command.run(['ls', home.replace('secret', 'wrong')]), 3, refused);
      expectSentence(await command.run(['get', `${home.replace('secret', 'wrong')}/a.txt`]), 3, refused);
    });

    it('for a password that is not there', async () => {
      await serve();
      const sentence = /^ftplib: there is no password of user at 127\.0\.0\.1, and no terminal to ask on: set FTPLIB_PASSWORD, or write it into ~\/\.netrc\n$/;
      expectSentence(await command.run(['ls', home.replace(':secret', '')]), 3, sentence);
      expect(server.commands).to.deep.equal([]);
    });

    it('for a server that says nothing', async () => {
      await serve({ script: { GREETING: [until(gate())] } });
      expectSentence(await command.run(['ls', '--timeout', '0.2', home]), 3, /^ftplib: .*within 200 ms \(--timeout\); a server that says nothing may wait for TLS \(ftps:\/\/\): try again, or give it longer with --timeout SECONDS\n$/);
    });

    it('for a proxy that is not there', async () => {
      await serve();
      const { code, stderr } = await command.run(['ls', '--proxy', 'socks5h://127.0.0.1:1', home]);
      expect([code, stderr.includes('proxy')]).to.deep.equal([3, true]);
      expect(server.commands).to.deep.equal([]);
    });
  });

  describe('in TLS', () => {
    const serveTls = (name: CertificateName, mode: 'explicit' | 'implicit'): Promise<void> => serve({ tls: { mode, required: true, ...certificate(name) } });

    for (const mode of ['explicit', 'implicit'] as const) {
      it(`no certificate that nobody vouches for is taken; --ca and --pin take it (${mode})`, async () => {
        await serveTls('local', mode);
        const untrusted = /^ftplib: TLS: self-signed certificate: trust its authority with --ca FILE, or this one certificate with --pin SHA256, once you know that it is the right one\n$/;
        expectSentence(await command.run(['cat', `${home}/a.txt`]), 3, untrusted);
        expect(server.commands.join()).to.not.include('USER');
        command.write('ca.pem', certificate('local').cert);
        const { fingerprint256 } = new X509Certificate(certificate('local').cert);
        for (const words of [['--ca', 'ca.pem'], ['--pin', fingerprint256], ['--pin', fingerprint256.replaceAll(':', '').toLowerCase()]]) expect(await command.done(['cat', ...words, `${home}/a.txt`])).to.equal('file a');
      });
    }

    it('another certificate than the pinned one is refused, and its fingerprint shown', async () => {
      await serveTls('local2', 'explicit');
      const [pin, shown] = (['local', 'local2'] as const).map((name) => new X509Certificate(certificate(name).cert).fingerprint256) as [string, string];
      expectSentence(await command.run(['cat', '--pin', pin, `${home}/a.txt`]), 3, new RegExp(`^ftplib: TLS: the certificate is not the one of --pin; its SHA-256 fingerprint is ${shown}\n$`));
    });

    it('a certificate of another host is refused', async () => {
      await serveTls('otherHost', 'explicit');
      command.write('ca.pem', certificate('otherHost').cert);
      expectSentence(await command.run(['cat', '--ca', 'ca.pem', `${home}/a.txt`]), 3, /: use the name that the certificate is for, or name its fingerprint with --pin\n$/);
    });
  });

  describe('of files are 1', () => {
    it('that are not there', async () => {
      await serve();
      expectSentence(await command.run(['cat', `${home}/none`]), 1, /^ftplib: RETR none: 550 No such file or directory\n$/);
    });

    it('in a folder of the server that is read-only', async () => {
      await serve({ script: { STOR: '550 Permission denied.', MKD: '550 Permission denied.' } });
      command.write('x', 'x');
      expectSentence(await command.run(['put', 'x', `${home}/incoming/x`]), 1, /^x: STOR incoming\/\.x\.part: 550 Permission denied\n$/);
      expectSentence(await command.run(['mkdir', `${home}/new`]), 1, /^ftplib: MKD new: 550 Permission denied\n$/);
    });

    it('in a local folder that is none', async () => {
      await serve();
      command.write('file', '');
      expectSentence(await command.run(['get', `${home}/a.txt`, 'file/a.txt']), 1, /^a\.txt: .*file.*: not a directory: check the local path\n$/);
      expectSentence(await command.run(['get', `${home}/a.txt`, 'none/a.txt']), 1, /^a\.txt: .*none.*: no such file or directory: check the local path\n$/);
    });

    it('on a disk that is full, and the next run goes on', async function () {
      await serve();
      mkdirSync(command.path('disk'));
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', command.path('disk')], { stdio: 'ignore' });
      } catch {
        // Only root may mount, and not in every container.
        if (process.env['FTPLIB_REQUIRE_SERVERS'] === '1') throw new Error('a tmpfs cannot be mounted');
        return this.skip();
      }
      try {
        expectSentence(await command.run(['get', `${home}/big.bin`, 'disk/big.bin']), 1, /^big\.bin: .*no space left on device: make room on the disk, and run the same command again to go on\n$/);
        execFileSync('mount', ['-o', 'remount,size=64m', command.path('disk')], { stdio: 'ignore' });
        await command.done(['get', `${home}/big.bin`, 'disk/big.bin']);
        expect(server.commands.filter((line) => /^REST [1-9]/.test(line))).to.have.length(1);
        expect(command.read('disk/big.bin').equals(server.read('/big.bin'))).to.equal(true);
      } finally {
        execFileSync('umount', ['-l', command.path('disk')], { stdio: 'ignore' });
      }
    });

    it('are shown so that nothing in them controls a terminal', async () => {
      await serve({ script: { RETR: '550 \x1b[31mred\x07' } });
      const { stderr } = await command.run(['cat', `${home}/none`]);
      expect(stderr).to.equal('ftplib: RETR none: 550 \\x1b[31mred\\x07\n');
    });

    it('have stacks where FTPLIB_DEBUG asks for them', async () => {
      await serve();
      expect((await command.run(['cat', `${home}/none`], { env: { FTPLIB_DEBUG: '1' } })).stderr).to.match(/\n {4}at /);
    });
  });

  describe('a run that is cut off', () => {
    /** Sends the signal when the first half of the file is here. */
    const interrupted = (signal: NodeJS.Signals, words: readonly string[], times = 1): Promise<Outcome> => {
      const held = gate();
      server.script = { RETR: [send('150 go'), data(Buffer.from(BIG.read(0, 10_000_000))), until(held)] };
      return command.run(words, {
        started: (child) => {
          void server.waitFor('RETR').then(async () => {
            while (!readdirSync(command.folder).some((name) => name.includes('.part') && statSync(command.path(name)).size > 1_000_000)) await new Promise((look) => setTimeout(look, 10));
            for (let i = 0; i < times; i++) {
              child.kill(signal);
              await new Promise((later) => setTimeout(later, 50));
            }
            held.open();
          });
        },
      });
    };

    for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
      it(`by ${signal} leaves what has come, and the next one goes on (${code})`, async () => {
        await serve();
        const outcome = await interrupted(signal, ['get', `${home}/big.bin`]);
        expect([outcome.code, outcome.stdout, outcome.stderr]).to.deep.equal([code, '', 'ftplib: interrupted: the same command goes on where it was\n']);
        expect(readdirSync(command.folder).filter((name) => name === 'big.bin')).to.deep.equal([]);
        server.script = {};
        await command.done(['get', `${home}/big.bin`]);
        expect(server.commands.filter((line) => /^REST [1-9]/.test(line))).to.have.length(1);
        expect(command.read('big.bin').equals(server.read('/big.bin'))).to.equal(true);
      });
    }

    it('by a second Ctrl-C ends at once', async () => {
      await serve({ script: { ABOR: [until(gate())] } });
      expect((await interrupted('SIGINT', ['get', `${home}/big.bin`], 2)).code).to.equal(130);
    });

    it('by a reader who leaves is quiet', async () => {
      await serve();
      const child = spawn(process.execPath, [command.main, 'cat', `${home}/big.bin`], { stdio: ['ignore', 'pipe', 'pipe'], env: { HOME: command.folder } });
      let stderr = '';
      child.stderr.on('data', (text: Buffer) => (stderr += String(text)));
      child.stdout.once('data', () => child.stdout.destroy());
      const [code] = (await once(child, 'close')) as [number];
      expect([code, stderr]).to.deep.equal([0, '']);
    });

    it('by a reader of a listing who leaves is quiet', async () => {
      await serve({ files: Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`/many/a-name-that-is-long-${i}`, ''])) });
      for (const words of [['ls'], ['ls', '-U'], ['ls', '--json'], ['mirror', '-n']]) {
        const child = spawn(process.execPath, [command.main, ...words, `${home}/many`, ...(words[0] === 'mirror' ? ['copy'] : [])], { cwd: command.folder, stdio: ['ignore', 'pipe', 'pipe'], env: { HOME: command.folder } });
        let stderr = '';
        child.stderr.on('data', (text: Buffer) => (stderr += String(text)));
        child.stdout.once('data', () => child.stdout.destroy());
        const [code] = (await once(child, 'close')) as [number];
        expect([code, stderr], words.join(' ')).to.deep.equal([0, '']);
      }
    });

    it('by a lost connection goes on by itself', async () => {
      await serve();
      server.script = { RETR: [[send('150 go'), data(Buffer.from(BIG.read(0, 5_000_000))), resetControl()], [normal()]] };
      const outcome = await command.run(['get', '--json', `${home}/big.bin`]);
      expect([outcome.code, outcome.stderr]).to.deep.equal([0, '']);
      expect(objectsIn(outcome.stdout).at(-1)).to.include({ event: 'done', name: 'big.bin' });
      expect(command.read('big.bin').equals(server.read('/big.bin'))).to.equal(true);
    });
  });
});
