import { expect } from 'chai';
import { ArgumentError, FTPPool, PermanentError } from '../../lib/index';
import { formatTime } from '../../lib/listing/time';
import { failure, scene } from '../support/client';
import type { FtpServer } from '../support/server/ftp-server';
import type { Act, Script } from '../support/server/script';
import type { Session } from '../support/server/session';

const TIME = new Date('2021-03-04T05:06:07Z');
const HOUR = 3_600_000;

/** Sets the time of a file as a server does that takes the digits for a time of its own time zone. */
function set(session: Session, digits: string, path: string, zone = 0): void {
  const time = Date.parse(digits.replace(/(....)(..)(..)(..)(..)(..)/, '$1-$2-$3T$4:$5:$6Z'));
  session.server.files.follow(session.path(path)).node.modified = new Date(time + zone);
}

const mdtm: Act = (session, argument) => {
  const [, digits, path = ''] = /^(\d{14}) (.+)$/.exec(argument) ?? [];
  if (digits === undefined) return session.normal();
  set(session, digits, path);
  session.reply('213 File modification time set.');
};

const threeTimes: Act = (session, argument) => {
  const [, path, digits = ''] = /^UTIME (.+) \d{14} (\d{14}) \d{14} UTC$/.exec(argument) ?? [];
  if (path === undefined) return session.reply('500 Unknown SITE command.');
  set(session, digits, path);
  session.reply('200 SITE UTIME command successful.');
};

const oneTime = (zone = 0): Act => (session, argument) => {
  const [, digits, path = ''] = /^UTIME (\d{14}) (.+)$/.exec(argument) ?? [];
  if (digits === undefined) return session.reply('501 Invalid command arguments.');
  set(session, digits, path, zone);
  session.reply('250 OK.');
};

/** What a server has in place of MFMT, and the command that it is remembered by. */
const WAYS: Readonly<Record<string, readonly [script: Script, command: (path: string) => string]>> = {
  'MDTM with a time (vsftpd)': [{ MDTM: mdtm }, (path) => `MDTM 20210304050607 ${path}`],
  'MDTM with a time, answered 253 (Serv-U)': [{ MDTM: (session, argument) => {
    if (!/^\d{14} /.test(argument)) return session.normal();
    set(session, argument.slice(0, 14), argument.slice(15));
    session.reply('253 Date/time changed OK.');
  } }, (path) => `MDTM 20210304050607 ${path}`],
  'SITE UTIME with three times (ProFTPD, Pure-FTPd)': [{ SITE: threeTimes }, (path) => `SITE UTIME ${path} 20210304050607 20210304050607 20210304050607 UTC`],
  'SITE UTIME with one time (GridFTP)': [{ SITE: oneTime() }, (path) => `SITE UTIME 20210304050607 ${path}`],
};

describe('mfmt() without MFMT', () => {
  const stage = scene();
  const FILES = { '/a b': 'x', '/c': 'y' };
  const without = (script: Script): Script => ({ MFMT: '500 Unknown command.', ...script });
  const times = (server: FtpServer): string[] => Object.keys(FILES).map((path) => formatTime(server.file(path).modified));

  for (const [name, [script, command]] of Object.entries(WAYS)) {
    it(`sets the time by ${name}, and knows that the next time`, async () => {
      const server = await stage.serve({ files: FILES, script: without(script) });
      const ftp = await stage.connect(server);
      expect((await ftp.mfmt('a b', TIME)).kind).to.equal('completion');
      expect(server.commands.slice(-2)).to.deep.equal([command('a b'), 'MDTM a b']);
      server.commands.length = 0;
      await ftp.mfmt('c', TIME);
      expect(server.commands).to.deep.equal([command('c')]);
      expect(times(server)).to.deep.equal(['20210304050607', '20210304050607']);
      await using other = new FTPPool({ host: server.host, port: server.port, user: 'user', password: 'secret' });
      server.commands.length = 0;
      await other.mfmt('c', TIME);
      expect(server.commands.filter((each) => /^(MFMT|MDTM|SITE)/.test(each)), 'another client').to.deep.equal([command('c')]);
    });
  }

  it('is refused as MFMT was where nothing sets it, and asks no more', async () => {
    const server = await stage.serve({ files: FILES, script: without({}) });
    const ftp = await stage.connect(server);
    const error = await failure(ftp.mfmt('c', TIME));
    expect(error).to.be.instanceOf(PermanentError).with.property('message', 'MFMT 20210304050607 c: 500 Unknown command.');
    server.commands.length = 0;
    await failure(ftp.mfmt('c', TIME));
    expect(server.commands).to.deep.equal(['MFMT 20210304050607 c']);
    expect(times(server)[1]).to.equal('20200229123456');
  });

  it('believes no success after which the time is another one', async () => {
    const server = await stage.serve({ files: FILES, script: without({ SITE: '200 Ok.' }) });
    const ftp = await stage.connect(server);
    expect(await failure(ftp.mfmt('c', TIME))).to.be.instanceOf(PermanentError);
    expect(times(server)[1]).to.equal('20200229123456');
  });

  it('leaves the time of the upload where a server counts in its own time zone', async () => {
    const server = await stage.serve({ files: FILES, script: without({ SITE: oneTime(-2 * HOUR) }) });
    const ftp = await stage.connect(server);
    expect(await failure(ftp.mfmt('c', TIME))).to.be.instanceOf(PermanentError);
    expect(times(server)[1]).to.equal('20200229123456');
  });

  it('reads the time back by MLST where there is no MDTM', async () => {
    const server = await stage.serve({ files: FILES, script: without({ MDTM: '502 Not implemented.', SITE: oneTime() }) });
    await (await stage.connect(server)).mfmt('c', TIME);
    expect(times(server)[1]).to.equal('20210304050607');
  });

  it('says that a file is missing, and learns nothing from it', async () => {
    const server = await stage.serve({ files: FILES, script: without({ SITE: oneTime() }) });
    const ftp = await stage.connect(server);
    expect((await failure(ftp.mfmt('missing', TIME))).reply?.code).to.equal(550);
    await ftp.mfmt('c', TIME);
    expect(times(server)[1]).to.equal('20210304050607');
  });

  it('learns nothing from a file that has the time already, nor from one whose time may not be set', async () => {
    const server = await stage.serve({ files: FILES, script: without({ SITE: '550 Not yours.' }) });
    const ftp = await stage.connect(server);
    await ftp.mfmt('c', new Date('2020-02-29T12:34:56.789Z'));
    expect((await failure(ftp.mfmt('c', TIME))).reply?.text).to.equal('Not yours.');
    server.script = without({ SITE: oneTime() });
    await ftp.mfmt('c', TIME);
    expect(times(server)[1]).to.equal('20210304050607');
  });
});

describe('chmod()', () => {
  const stage = scene();

  it('sends the octal digits of a mode, however it was given', async () => {
    const server = await stage.serve({ files: { '/a b': 'x' } });
    const ftp = await stage.connect(server);
    for (const mode of [0o644, '644', '0644', 0o7, '7', 0, 0o7777, '07777']) expect((await ftp.chmod('a b', mode)).code).to.equal(200);
    expect(server.commands).to.deep.equal(['644', '644', '644', '007', '007', '000', '7777', '7777'].map((digits) => `SITE CHMOD ${digits} a b`));
    expect(server.files.follow('/a b').node.mode).to.equal(0o7777);
    await using pool = new FTPPool({ host: server.host, port: server.port, user: 'user', password: 'secret' });
    await pool.chmod('a b', 0o600);
    expect(server.files.follow('/a b').node.mode).to.equal(0o600);
  });

  it('refuses what is no mode before anything is sent', async () => {
    const ftp = await stage.connect(await stage.serve());
    for (const mode of [-1, 0o10000, 1.5, Number.NaN, '', '8', 'u+x', '10000', '0x1ff', ' 644', null, undefined, {}]) {
      expect(await failure(ftp.chmod('a', mode as number)), String(mode)).to.be.instanceOf(ArgumentError).with.property('message').that.matches(/^a mode must be/);
    }
    expect(await failure(ftp.chmod('', 0o644))).to.be.instanceOf(ArgumentError);
    expect(await failure(ftp.chmod('a\r\nDELE b', 0o644))).to.be.instanceOf(ArgumentError);
  });

  it('is a PermanentError where the server refuses it', async () => {
    const ftp = await stage.connect(await stage.serve({ script: { SITE: '500 Unknown SITE command.' } }));
    expect(await failure(ftp.chmod('a', 0o644))).to.be.instanceOf(PermanentError).with.property('message', 'SITE CHMOD 644 a: 500 Unknown SITE command.');
  });
});
