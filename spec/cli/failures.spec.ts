import { expect } from 'chai';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { certificate, type CertificateName } from '../support/server/certificates';
import { content } from '../support/server/content';
import { FtpServer } from '../support/server/ftp-server';
import { gate } from '../support/server/gate';
import { data, hangUp, normal, resetControl, send, until } from '../support/server/steps';
import type { FtpServerOptions } from '../support/server/server-options';
import { CommandLine, objectsIn, type Outcome } from './command-line';

const BIG = content(20_000_000);

describe('failures of the command line', () => {
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
      command.write('x', 'x');
      const place = 'ftp://user:secret@127.0.0.1:9/x'; // the kernel gives no other spec a port that low
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

    it('for anonymous users where the process has neither home nor user name, as in a container', async function () {
      if (process.getuid?.() !== 0) return this.skip();
      await serve();
      const place = home.replace('user:secret@', '');
      const child = spawn(process.execPath, [command.main, 'ls', place], { cwd: '/', stdio: ['ignore', 'pipe', 'pipe'], env: {}, uid: 54_321, gid: 54_321 });
      const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close') as Promise<[number]>]);
      expectSentence({ code, stdout, stderr }, 3, /^ftplib: the server refuses the login: 530 /);
    });

    it('for anonymous users whose home is no folder, as that of a service', async () => {
      await serve();
      expectSentence(await command.run(['ls', home.replace('user:secret@', '')], { env: { HOME: '/dev/null' } }), 3, /^ftplib: the server refuses the login: 530 /);
    });

    it('for a server that says nothing', async () => {
      await serve({ script: { GREETING: [until(gate())] } });
      expectSentence(await command.run(['ls', '--timeout', '0.2', home]), 3, /^ftplib: .*within 200 ms \(--timeout\); a server that says nothing may wait for TLS \(ftps:\/\/\): try again, or give it longer with --timeout SECONDS\n$/);
    });

    it('for a server that is busy, is none of FTP, or leaves', async () => {
      for (const [greeting, sentence] of [
        [send('421 Too many users'), /^ftplib: 421 Too many users: try again later\n$/],
        [send('SSH-2.0-OpenSSH_9'), /^ftplib: a reply must begin with a code .*"SSH-2\.0-OpenSSH_9": no FTP server answers there; check the host and the port\n$/],
        [hangUp(), /^ftplib: the server closed the control connection: try again later; if it is always so, check the host and the port\n$/],
      ] as const) {
        await serve({ script: { GREETING: [greeting] } });
        command.write('x', 'x');
        for (const words of [['ls', home], ['get', `${home}/x`], ['put', 'x', `${home}/x`], ['mirror', home, 'copy'], ['rm', `${home}/x`]]) expectSentence(await command.run(words), 3, sentence);
        await server.close();
      }
    });

    it('for a server that wants TLS', async () => {
      await serve({ tls: { mode: 'explicit', required: true, ...certificate('local') } });
      const plain = home.replace('ftpes://', 'ftp://');
      expectSentence(await command.run(['ls', plain]), 3, /^ftplib: USER user: 5\d\d .*: the server wants TLS: use ftpes:\/\/\n$/);
    });

    it('for a proxy that is not there', async () => {
      await serve();
      const { code, stderr } = await command.run(['ls', '--proxy', 'socks5h://127.0.0.1:1', home]);
      expect([code, stderr.includes('proxy')]).to.deep.equal([3, true]);
      expect(server.commands).to.deep.equal([]);
    });
  });

  describe('when all is done', () => {
    for (const [title, QUIT] of [['does not answer QUIT', [until(gate())]], ['refuses QUIT', '500 Unknown command'], ['resets the connection at QUIT', [resetControl()]]] as const) {
      it(`are none, and take no time, where the server ${title}`, async () => {
        await serve({ script: { QUIT } });
        const begun = Date.now();
        expect(await command.run(['ls', home])).to.deep.equal({ code: 0, stdout: 'a.txt\nbig.bin\nincoming\n', stderr: '' });
        expect(Date.now() - begun).to.be.below(10_000); // and not the 30 seconds that a reply may take
        expect(server.commands.at(-1)).to.equal('QUIT');
      });
    }
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

    it('--ca and --pin are refused where there is no TLS, and a file without certificates is', async () => {
      await serve();
      command.write('ca.pem', certificate('local').cert);
      command.write('text', 'text');
      const { fingerprint256 } = new X509Certificate(certificate('local').cert);
      expectSentence(await command.run(['ls', '--ca', 'ca.pem', home]), 2, /^ftplib: --ca is for TLS: name the server with ftpes:\/\/ or ftps:\/\/\n$/);
      expectSentence(await command.run(['mirror', '--pin', fingerprint256, home, 'x']), 2, /^ftplib: --pin is for TLS: name the server with ftpes:\/\/ or ftps:\/\/\n$/);
      expectSentence(await command.run(['ls', '--ca', '.', home.replace('ftp://', 'ftpes://')]), 1, /^ftplib: \.: illegal operation on a directory: it is a folder, and must be a file\n$/);
      expectSentence(await command.run(['ls', '--ca', 'text', home.replace('ftp://', 'ftpes://')]), 2, /^ftplib: text has no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----\n$/);
      expect(server.commands).to.deep.equal([]);
    });

    it('is refused by a server without it', async () => {
      await serve({ script: { AUTH: '502 no' } });
      expectSentence(await command.run(['ls', home.replace('ftp://', 'ftpes://')]), 3, /^ftplib: TLS was asked for and refused: AUTH TLS: 502 no\n$/);
      expect(server.commands.join()).to.not.include('USER');
    });

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

    it('that are folders, in folders that are missing, in use: the sentence says what to do', async () => {
      await serve({ files: { '/incoming/': '', '/box/file': 'x' }, script: { DELE: (session, path) => (path.startsWith('box') ? session.reply('550 In use') : session.normal()) } });
      mkdirSync(command.path('folder'));
      command.write('x', 'x');
      for (const [words, sentence] of [
        [['get', `${home}/incoming`], /^incoming: RETR incoming: 550 .*: it is a folder: ftplib mirror downloads folders\n$/],
        [['cat', `${home}/incoming`], /^ftplib: RETR incoming: 550 .*: it is a folder: ftplib mirror downloads folders\n$/],
        [['rm', `${home}/incoming`], /^ftplib: DELE incoming: 550 .*: it is a folder: -r deletes folders\n$/],
        [['put', 'folder', `${home}/incoming`], /^ftplib: folder is a folder: ftplib mirror uploads folders\n$/],
        [['put', 'x', `${home}/none/x`], /^x: STOR none\/\.x\.part: 55\d .*: there is no folder none, and -p makes those that are missing\n$/],
        [['rm', '-r', `${home}/box`], /^ftplib: RMD box: what could not be removed: box\/file \(DELE box\/file: 550 In use\)\n$/],
        [['mv', `${home}/none`, `${home}/x`], /^ftplib: RNFR none: 550 .*\n$/],
      ] as const) expectSentence(await command.run(words), 1, sentence);
    });

    it('do not stop the others, whatever is wrong with them', async () => {
      await serve();
      command.write('x', 'x');
      const { code, stderr } = await command.run(['put', '/dev/null', 'none', 'x', `${home}/incoming/`]);
      expect([code, stderr.split('\n').length, String(server.read('/incoming/x'))]).to.deep.equal([1, 4, 'x']);
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

    it('of a tree goes on with the files that are left', async () => {
      await serve({ files: { '/tree/1': 'file 1', '/tree/2': 'file 2', '/tree/3': 'file 3' } });
      const held = gate();
      server.script = { RETR: [[normal()], [send('150 go'), until(held), send('426 no')]] };
      const words = ['mirror', '-P', '1', `${home}/tree`, 'copy'];
      const { code, stderr } = await command.run(words, {
        started: (child) => {
          const look = setInterval(() => {
            if (!existsSync(command.path('copy/1'))) return;
            clearInterval(look);
            child.kill('SIGINT');
            held.open();
          }, 20);
          child.once('exit', () => clearInterval(look));
        },
      });
      expect([code, stderr.split('\n').at(-2)]).to.deep.equal([130, 'ftplib: interrupted: the same command goes on with the files that are left']);
      server.script = {};
      const before = server.commands.length;
      await command.done(words);
      expect(server.commands.slice(before).filter((line) => line.startsWith('RETR'))).to.have.length(2);
      expect(['1', '2', '3'].map((name) => String(command.read(`copy/${name}`)))).to.deep.equal(['file 1', 'file 2', 'file 3']);
      expect(readdirSync(command.path('copy')).sort()).to.deep.equal(['1', '2', '3']);
    });

    it('of standard input leaves nothing, and does not say otherwise', async () => {
      await serve();
      const child = spawn(process.execPath, [command.main, 'put', '-', `${home}/incoming/x`], { cwd: command.folder, stdio: ['pipe', 'pipe', 'pipe'], env: { HOME: command.folder } });
      let stderr = '';
      child.stderr.on('data', (text: Buffer) => (stderr += String(text)));
      child.stdin.write('half of it');
      await server.waitFor('STOR');
      child.kill('SIGINT');
      const [code] = (await once(child, 'close')) as [number];
      expect([code, stderr]).to.deep.equal([130, 'ftplib: interrupted: nothing is left of it\n']);
      await server.deserted();
      expect(await command.done(['ls', '-a', `${home}/incoming`])).to.equal('');
    });

    for (const words of [['ls', '-U'], ['watch', '--interval', '0.1'], ['rm'], ['mkdir'], ['cat']]) {
      it(`of ${words[0]} is quiet (130)`, async () => {
        await serve({ script: Object.fromEntries(['MLSD', 'LIST', 'DELE', 'MKD', 'RETR'].map((verb) => [verb, [until(gate())]])) });
        const { code, stdout, stderr } = await command.run([...words, `${home}/a.txt`], {
          started: (child) => void Promise.race(['MLSD', 'DELE', 'MKD', 'RETR'].map((verb) => server.waitFor(verb))).then(() => child.kill('SIGINT')),
        });
        expect([code, stdout, stderr]).to.deep.equal([130, '', '']);
      });
    }

    it('by a second Ctrl-C ends at once', async () => {
      await serve({ script: { ABOR: [until(gate())] } });
      expect((await interrupted('SIGINT', ['get', `${home}/big.bin`], 2)).code).to.equal(130);
    });

    for (const times of [1, 2]) {
      it(`by Ctrl-C ${times === 1 ? 'once' : 'twice'} does not wait for the address of a host, whose lookup cannot be called off`, async function () {
        if (process.platform === 'win32') return this.skip();
        // A pipe that nobody writes to holds a thread of libuv as a resolver does that gets no answer.
        execFileSync('mkfifo', [command.path('fifo')]);
        command.write('slow.js', `require('dns').lookup = () => { require('fs').open('fifo', () => undefined); console.error('looks up'); };`);
        const { code, stderr } = await command.run(['ls', 'ftp://example.com/'], {
          env: { NODE_OPTIONS: '-r ./slow.js' },
          started: (child) => child.stderr?.once('data', () => Array.from({ length: times }, () => child.kill('SIGINT'))),
        });
        expect([code, stderr]).to.deep.equal([130, 'looks up\n']);
      });
    }

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
