import { expect } from 'chai';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Served } from './served';
import { content } from './server/content';
import { FtpServer } from './server/ftp-server';

const NOW = new Date('2024-06-01T00:00:00Z');
const FILES = {
  '/readme.txt': 'hello\n',
  '/lines.txt': 'one\r\ntwo\nthree',
  '/empty/': '',
  '/sub/deep/file': 'deep',
  '/sub/big': content(5 * 1024 * 1024),
  '/link': { target: 'sub/deep' },
} as const;

describe('embedded server', () => {
  const served = new Served({ files: FILES, now: () => NOW });
  const said = (...lines: string[]): Promise<string> => served.said(...lines);

  it('listens on loopback only', async () => {
    const refused = await FtpServer.start({ host: '0.0.0.0' as '127.0.0.1' }).catch((error: Error) => error);
    expect(String(refused)).to.include('loopback only');
  });

  it('gives its URL', () => {
    expect(served.server.url).to.equal(`ftp://user:secret@127.0.0.1:${served.server.port}/`);
  });

  it('logs in who has the password', async () => {
    expect(await said('REIN', 'PWD', 'PASS x', 'USER nobody', 'PASS x', 'USER user', 'PASS wrong', 'PASS secret')).to.equal('220 530 503 331 530 331 530 503');
    expect(await said('USER anonymous', 'PASS a@b', 'ACCT x', 'PWD')).to.equal('331 230 503 257');
  });

  it('asks for an account where one is set', async () => {
    await served.restart({ users: { user: { password: 'secret', account: 'billing' } } });
    expect(await said('PWD', 'ACCT wrong', 'USER user', 'PASS secret', 'ACCT billing', 'PWD')).to.equal('530 530 331 332 230 257');
  });

  it('walks through folders', async () => {
    expect(await said('CWD sub/deep', 'CDUP', 'CWD nowhere', 'CWD big', 'XCWD /empty')).to.equal('250 250 550 550 250');
    expect(await served.client.command('PWD')).to.equal('257 "/empty" is the current directory');
    expect(await said('CWD /link', 'CWD ../readme.txt')).to.equal('250 550');
    expect(await served.client.command('MKD a"b')).to.equal('257 "/link/a""b" created');
    expect(served.server.files.get('/sub/deep/a"b')?.kind).to.equal('directory');
    expect(await said('MKD a"b', 'MKD no/where', 'RMD /sub', 'RMD /', 'RMD a"b', 'RMD a"b', 'XMKD /x', 'XRMD /x')).to.equal('550 550 550 550 250 550 257 250');
  });

  it('survives links that lead nowhere', async () => {
    served.server.write('/loop', { target: 'loop' });
    served.server.write('/worm', { target: 'worm/hole' });
    expect(await said('CWD loop', 'CWD worm', 'SIZE worm/hole')).to.equal('550 550 550');
  });

  it('renames and deletes', async () => {
    expect(await said('RNTO x', 'RNFR nothing', 'RNFR readme.txt', 'NOOP', 'RNTO x')).to.equal('503 550 350 200 503');
    expect(await said('RNFR sub', 'RNTO sub/inside', 'RNFR sub', 'RNTO moved')).to.equal('350 550 350 250');
    expect(served.server.read('/moved/deep/file').toString()).to.equal('deep');
    expect(await said('DELE moved', 'DELE nothing', 'DELE moved/deep/file')).to.equal('550 550 250');
    expect([...served.server.files.keys()]).to.include('/moved/deep').and.not.include('/moved/deep/file').and.not.include('/sub');
  });

  it('tells sizes and times', async () => {
    expect(await served.client.command('SIZE readme.txt')).to.equal('213 6');
    expect(await served.client.command('MDTM readme.txt')).to.equal('213 20200229123456');
    expect(await served.client.command('MFMT 20210304050607 readme.txt')).to.equal('213 Modify=20210304050607; readme.txt');
    expect(await served.client.command('MDTM readme.txt')).to.equal('213 20210304050607');
    expect(await said('SIZE sub', 'MDTM sub', 'MFMT 2021 readme.txt', 'TYPE A', 'SIZE readme.txt')).to.equal('550 550 501 200 550');
    served.server.file('/readme.txt').modified = new Date('2022-01-01T00:00:00.250Z');
    expect(await served.client.command('MDTM readme.txt')).to.equal('213 20220101000000.250');
  });

  it('lists as ls does', async () => {
    served.server.write('/new', 'x');
    served.server.file('/new').modified = new Date('2024-05-09T08:07:06Z');
    const { bytes, mark, reply } = await served.client.download('LIST -la');
    expect(mark).to.equal('150 Here comes the directory listing.');
    expect(reply).to.equal('226 Directory send OK.');
    const lines = bytes.toString().split('\r\n');
    expect(lines[0]).to.equal('-rw-r--r--    1 1000     1000            6 Feb 29  2020 readme.txt');
    expect(lines).to.include('drwxr-xr-x    2 1000     1000         4096 Feb 29  2020 sub');
    expect(lines).to.include('lrwxrwxrwx    1 1000     1000            8 Feb 29  2020 link -> sub/deep');
    expect(lines).to.include('-rw-r--r--    1 1000     1000            1 May 09 08:07 new');
  });

  it('lists names, facts, and what is not there', async () => {
    expect((await served.client.download('NLST sub')).bytes.toString()).to.equal('deep\r\nbig\r\n');
    expect((await served.client.download('NLST empty')).bytes.length).to.equal(0);
    expect((await served.client.download('MLSD sub')).bytes.toString()).to.equal(
      'modify=20200229123456;perm=flcdmpe;type=dir;UNIX.mode=0755; deep\r\nmodify=20200229123456;perm=adfrw;size=5242880;type=file;UNIX.mode=0644; big\r\n',
    );
    expect(await served.client.command('OPTS MLST size;type;unknown;')).to.equal('200 MLST OPTS size;type;');
    expect(await served.client.command('MLST readme.txt')).to.equal('250-Listing /readme.txt\n size=6;type=file; /readme.txt\n250 End');
    expect(await served.client.command('STAT readme.txt')).to.match(/^213-Status follows:\n-rw-r--r-- .* readme.txt\n213 End/);
    for (const verb of ['LIST', 'NLST', 'MLSD', 'RETR']) {
      await served.client.passive();
      expect(await served.client.command(`${verb} nowhere`)).to.match(/^550 /);
    }
  });

  it('lists a directory that is made as it is listed', async () => {
    const count = 100_000;
    const entries = function* () {
      for (let i = 0; i < count; i++) yield { name: `file-${i}`, size: i };
    };
    served.server.write('/many', { entries });
    const { bytes } = await served.client.download('NLST many');
    expect(bytes.toString().split('\r\n')).to.have.length(count + 1).and.include(`file-${count - 1}`);
    expect((await served.client.download('NLST many')).bytes.length).to.equal(bytes.length);
  });

  it('tells what it can do', async () => {
    expect(await served.client.command('FEAT')).to.include('\n MLST modify*;perm*;size*;type*;UNIX.mode*;\n').and.include(' UTF8');
    expect(await served.client.command('SYST')).to.equal('215 UNIX Type: L8');
    expect(await served.client.command('STAT')).to.include('Logged in as user');
    expect(await said('OPTS UTF8 ON', 'OPTS X', 'HELP', 'HELP CWD', 'SITE HELP', 'SITE X', 'SITE CHMOD 600 readme.txt', 'NOOP', 'ALLO 5')).to.equal(
      '200 501 214 214 214 500 200 200 202',
    );
    expect(served.server.files.get('/readme.txt')?.mode).to.equal(0o600);
    expect(await said('MODE S', 'MODE Z', 'STRU F', 'STRU R', 'TYPE L 8', 'TYPE A N', 'TYPE E', 'XYZZY', '')).to.equal('200 504 200 504 200 200 504 500 500');
    await served.restart({ features: [] });
    expect(await served.client.command('FEAT')).to.equal('211 No features.');
  });

  for (const verb of ['EPSV', 'PASV'] as const) {
    it(`sends files by ${verb}`, async () => {
      const { bytes, mark, reply } = await served.client.download('RETR readme.txt', verb);
      expect(bytes.toString()).to.equal('hello\n');
      expect(mark).to.equal('150 Opening BINARY mode data connection for readme.txt (6 bytes).');
      expect(reply).to.equal('226 Transfer complete.');
    });
  }

  for (const verb of ['PORT', 'EPRT'] as const) {
    it(`sends files by ${verb}`, async () => {
      const { reply, socket } = await served.client.active(verb);
      expect(reply).to.equal(`200 ${verb} command successful.`);
      expect(await served.client.command('RETR readme.txt')).to.match(/^150 /);
      expect((await buffer(await socket)).toString()).to.equal('hello\n');
      expect(await served.client.reply()).to.match(/^226 /);
    });
  }

  it('does the same on IPv6', async () => {
    await served.restart({ host: '::1' });
    expect(served.server.url).to.equal(`ftp://user:secret@[::1]:${served.server.port}/`);
    expect((await served.client.download('RETR readme.txt')).bytes.toString()).to.equal('hello\n');
    const { socket } = await served.client.active('EPRT');
    expect(await served.client.command('NLST empty')).to.match(/^150 /);
    expect((await buffer(await socket)).length).to.equal(0);
    expect(await said('NOOP')).to.equal('226');
    expect(await served.client.codes(1)).to.equal('200');
    expect(await said('PASV', 'EPSV 1', 'EPSV 2')).to.equal('425 522 229');
  });

  it('connects to nobody but the client', async () => {
    expect(await said('PORT 10,0,0,1,200,10', 'PORT 127,0,0,1,0,25', 'PORT 127,0,0,1', 'EPRT |1|10.0.0.1|5000|')).to.equal('500 500 501 500');
    expect(await said('EPRT |3|x|5000|', 'EPRT |1|127.0.0.1|99999|', 'EPRT x', 'EPSV ALL', 'PASV', 'PORT 127,0,0,1,200,10')).to.equal('501 500 501 200 501 501');
  });

  it('answers 425 where no data connection is', async () => {
    expect(await said('RETR readme.txt', 'LIST', 'STOR x')).to.equal('425 425 425');
    const gone = createServer();
    await once(gone.listen(0, '127.0.0.1'), 'listening');
    const { port } = gone.address() as AddressInfo;
    await new Promise((resolve) => gone.close(resolve));
    expect(await said(`EPRT |1|127.0.0.1|${port}|`, 'RETR readme.txt')).to.equal('200 425');
    await served.restart({ acceptTimeout: 1 });
    expect(await said('EPSV', 'STOR x', 'RETR readme.txt')).to.equal('229 425 425');
    expect(served.server.files.has('/x')).to.equal(false);
  });
});
