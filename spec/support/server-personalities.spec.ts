import { expect } from 'chai';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { connect } from 'node:tls';
import { RawClient } from './raw-client';
import { Served } from './served';
import { certificate } from './server/certificates';
import { content } from './server/content';
import { PERSONALITIES, type PersonalityName } from './server/personalities';

const FILES = { '/a': '0123456789', '/sub/b': 'b', '/empty/': '', '/big': content(8 * 1024 * 1024) } as const;
const E_ACUTE = { composed: '\u00e9', decomposed: 'e\u0301' } as const;

describe('personalities of the embedded server', () => {
  const served = new Served({ files: FILES });
  const become = (name: PersonalityName): Promise<void> => served.restart(PERSONALITIES[name]);
  const command = (line: string): Promise<string> => served.client.command(line);
  const names = async (line: string): Promise<string[]> => (await served.client.download(line)).bytes.toString().split('\r\n').filter(Boolean);

  it('onePerPacket answers the first command of a packet and no other', async () => {
    await become('onePerPacket');
    served.client.write('PWD\r\nNOOP\r\nSYST\r\n');
    expect(await served.client.codes(1)).to.equal('257');
    expect(await command('FEAT')).to.match(/^211-/);
    expect(served.server.commands.slice(-4)).to.deep.equal(['PWD', 'NOOP', 'SYST', 'FEAT']);
  });

  it('lastOfPacket answers the last', async () => {
    await become('lastOfPacket');
    served.client.write('PWD\r\nNOOP\r\nSYST\r\n');
    expect(await served.client.codes(1)).to.equal('215');
    expect(await command('PWD')).to.match(/^257 /);
  });

  it('outOfOrder answers the later commands of a packet first', async () => {
    await become('outOfOrder');
    served.client.write('PWD\r\nNOOP\r\nSYST\r\n');
    expect(await served.client.codes(3)).to.equal('215 200 257');
  });

  it('caseInsensitive takes names that differ in case for one, and keeps the first spelling', async () => {
    await become('caseInsensitive');
    expect(await served.client.upload('STOR /SUB/B', 'new')).to.have.length(2);
    expect(await names('NLST Sub')).to.deep.equal(['b']);
    expect(served.server.read('/sub/b').toString()).to.equal('new');
    expect(await served.said('RNFR A', 'RNTO A', 'SIZE a', 'MKD SUB', 'DELE sub/B')).to.equal('350 250 213 550 250');
    expect(await names('NLST')).to.have.members(['A', 'sub', 'empty', 'big']);
  });

  it('nfd stores names decomposed, and finds them in either form', async () => {
    await become('nfd');
    await served.client.upload(`STOR ${E_ACUTE.composed}`, 'x');
    expect(await names('NLST')).to.include(E_ACUTE.decomposed).and.not.include(E_ACUTE.composed);
    expect(await served.said(`SIZE ${E_ACUTE.composed}`, `SIZE ${E_ACUTE.decomposed}`)).to.equal('213 213');
  });

  it('dropsTrailingDot stores a name without the dots at its end', async () => {
    await become('dropsTrailingDot');
    await served.client.upload('STOR a..', 'x');
    expect(await names('NLST')).to.deep.equal(['a', 'sub', 'empty', 'big']);
    expect(served.server.read('/a').toString()).to.equal('x');
    expect(await served.said('SIZE sub./b.', 'CWD ..', 'MKD x.')).to.equal('213 250 257');
    expect(served.server.files.has('/x')).to.equal(true);
  });

  it('noRename knows neither RNFR nor RNTO', async () => {
    await become('noRename');
    expect(await served.said('RNFR a', 'RNTO c')).to.equal('500 500');
  });

  it('noRenameOver refuses to replace', async () => {
    await become('noRenameOver');
    expect(await served.said('RNFR a', 'RNTO big', 'RNFR a', 'RNTO c')).to.equal('350 550 350 250');
  });

  it('listIgnoresPath lists the working folder', async () => {
    await become('listIgnoresPath');
    expect(await names('NLST sub')).to.deep.equal(['a', 'sub', 'empty', 'big']);
    expect(await names('LIST sub')).to.have.length(4);
    expect(await served.said('MLSD', 'CWD sub')).to.equal('500 250');
    expect(await names('NLST')).to.deep.equal(['b']);
    expect(await command('FEAT')).not.to.include('MLST');
  });

  it('listRepeatsPath names entries by the path', async () => {
    await become('listRepeatsPath');
    expect((await names('LIST sub')).map((line) => line.split(' ').at(-1))).to.deep.equal(['sub/b']);
    expect((await names('MLSD sub')).map((line) => line.split(' ').at(-1))).to.deep.equal(['sub/b']);
    expect((await names('LIST')).map((line) => line.split(' ').at(-1))).to.deep.equal(['a', 'sub', 'empty', 'big']);
  });

  it('refusesEmptyFolder answers 550 for it, and enters it', async () => {
    await become('refusesEmptyFolder');
    await served.client.passive();
    expect(await served.said('LIST empty', 'MLSD empty', 'CWD empty', 'LIST')).to.equal('550 550 250 550');
  });

  for (const [name, line] of [['iis', /^\d\d-\d\d-\d\d  \d\d:\d\d[AP]M {20}1 b$/], ['iisUnix', /^-rwxrwxrwx   1 owner    group {15}1 [A-Z][a-z]{2} [ \d]\d [ \d:]{5} b$/]] as const) {
    it(`${name} has its own listings and marks, and no MLSD`, async () => {
      await become(name);
      const { bytes, mark } = await served.client.download('LIST sub');
      expect(bytes.toString().trimEnd()).to.match(line);
      expect(mark).to.match(/^125 /);
      expect([await served.said('MLSD'), await served.said('CWD SUB')]).to.deep.equal(['500', '250']);
    });
  }

  it('restartStays keeps the offset of REST until the next', async () => {
    await become('restartStays');
    await served.client.passive();
    expect(await served.said('REST 8', 'RETR nothing')).to.equal('350 550');
    for (let time = 0; time < 2; time++) expect((await served.client.download('RETR a')).bytes.toString()).to.equal('89');
    expect(await served.said('REST 0')).to.equal('350');
    expect((await served.client.download('RETR a')).bytes.toString()).to.equal('0123456789');
  });

  it('restartStaysUntilDone keeps it until a transfer is complete', async () => {
    await become('restartStaysUntilDone');
    await served.client.passive();
    expect(await served.said('REST 8', 'RETR nothing')).to.equal('350 550');
    expect((await served.client.download('RETR a')).bytes.toString()).to.equal('89');
    expect((await served.client.download('RETR a')).bytes.toString()).to.equal('0123456789');
    const socket = await served.client.passive();
    expect(await served.said('REST 7', 'RETR big')).to.equal('350 150');
    expect(await served.said('ABOR')).to.equal('426');
    expect(await served.client.codes(1)).to.equal('226');
    socket.destroy();
    expect((await served.client.download('RETR a')).bytes.toString()).to.equal('789');
  });

  it('forgets the offset of REST at any transfer otherwise', async () => {
    await served.client.passive();
    expect(await served.said('REST 8', 'RETR nothing')).to.equal('350 550');
    expect((await served.client.download('RETR a')).bytes.toString()).to.equal('0123456789');
  });

  it('ignoresREST begins at byte 0', async () => {
    await become('ignoresREST');
    expect(await served.said('REST 8')).to.equal('350');
    expect((await served.client.download('RETR a')).bytes.toString()).to.equal('0123456789');
    expect(await served.said('REST 8')).to.equal('350');
    await served.client.upload('STOR a', 'xy');
    expect(served.server.read('/a').toString()).to.equal('xy');
  });

  it('truncatesAtRestart leaves zeros in place of the head', async () => {
    await become('truncatesAtRestart');
    expect(await served.said('REST 4')).to.equal('350');
    await served.client.upload('STOR a', 'xy');
    expect(served.server.read('/a').toString()).to.equal('\0\0\0\0xy');
    await served.client.upload('APPE a', 'z');
    expect(served.server.read('/a').toString()).to.equal('\0\0\0\0xyz');
  });

  it('refusesDuringTransfer answers 503 to what comes before the 226', async () => {
    await become('refusesDuringTransfer');
    const socket = await served.client.passive();
    served.client.write('RETR big\r\nPWD\r\n');
    expect(await served.client.codes(2)).to.have.string('503').and.have.string('150');
    expect(await served.said('DELE a', 'EPSV')).to.equal('503 503');
    expect((await buffer(socket)).length).to.equal(FILES['/big'].size);
    expect(await served.client.codes(1)).to.equal('226');
    expect(await served.said('DELE a')).to.equal('250');
    const next = await served.client.passive();
    expect(await served.said('RETR big', 'ABOR')).to.equal('150 426');
    expect(await served.client.codes(1)).to.equal('226');
    next.destroy();
  });

  it('earlyPassive answers EPSV before the 226, and nothing else', async () => {
    await become('earlyPassive');
    const socket = await served.client.passive();
    expect(await served.said('RETR big')).to.equal('150');
    served.client.write('PWD\r\n');
    const next = await served.client.passive();
    expect((await buffer(socket)).length).to.equal(FILES['/big'].size);
    expect(await served.client.codes(2)).to.equal('226 257');
    expect(await served.said('RETR a')).to.equal('150');
    expect((await buffer(next)).toString()).to.equal('0123456789');
    expect(await served.client.codes(1)).to.equal('226');
  });

  it('earlyPassive gives up the port that nobody came to', async () => {
    await become('earlyPassive');
    const socket = await served.client.passive();
    expect(await served.said('RETR big')).to.equal('150');
    expect(await served.said('PASV', 'EPSV')).to.equal('227 229');
    socket.destroy();
    expect(await served.client.codes(1)).to.equal('426');
    expect((await served.client.download('RETR a')).bytes.toString()).to.equal('0123456789');
  });

  it('noSIZE knows no SIZE', async () => {
    await become('noSIZE');
    expect(await served.said('SIZE a')).to.equal('500');
    expect(await command('FEAT')).to.include('MDTM').and.not.include('SIZE');
  });

  it('noFEAT knows no FEAT', async () => {
    await become('noFEAT');
    expect(await served.said('FEAT', 'SIZE a')).to.equal('500 213');
  });

  it('missingFolderEmpty lists a folder that is not there as an empty one', async () => {
    await become('missingFolderEmpty');
    for (const verb of ['LIST', 'NLST', 'MLSD']) {
      const { bytes, mark, reply } = await served.client.download(`${verb} nowhere`);
      expect([bytes.length, mark.slice(0, 3), reply.slice(0, 3)]).to.deep.equal([0, '150', '226']);
    }
    expect(await served.said('CWD nowhere')).to.equal('550');
  });

  it('quietMark does not say how long a file is', async () => {
    await become('quietMark');
    expect((await served.client.download('RETR a')).mark).to.equal('150 Opening BINARY mode data connection for a.');
  });

  it('completesTwice says 226 after the 426 of a transfer that broke', async () => {
    await become('completesTwice');
    const socket = await served.client.passive();
    expect(await served.said('STOR /new')).to.equal('150');
    socket.write('begin', () => socket.resetAndDestroy());
    expect(await served.client.codes(2)).to.equal('426 226');
    expect(await served.said('NOOP')).to.equal('200');
  });

  it('keepsWholeOnly undoes an upload that was reset', async () => {
    await become('keepsWholeOnly');
    for (const [path, old] of [['/a', '0123456789'], ['/new', undefined]] as const) {
      const socket = await served.client.passive();
      expect(await served.said(`STOR ${path}`)).to.equal('150');
      const uploading = once(socket, 'close');
      socket.write('begin', () => socket.resetAndDestroy());
      await uploading;
      expect(await served.client.codes(1)).to.equal('426');
      expect(served.server.files.has(path) ? served.server.read(path).toString() : undefined).to.equal(old);
    }
    await served.client.upload('STOR a', 'whole');
    expect(served.server.read('/a').toString()).to.equal('whole');
  });

  it('iis says what IIS says, and changes its listings by SITE DIRSTYLE', async () => {
    await become('iis');
    expect(await command('FEAT')).to.match(/^211-Extended features supported:\n LANG EN\*\n[^]* REST STREAM\n211 END$/);
    expect(await command('MKD new')).to.equal('257 "new" directory created.');
    expect(await command('CWD NEW')).to.equal('250 CWD command successful.');
    expect(await command('PWD')).to.equal('257 "/NEW" is current directory.');
    expect(await command('MKD what?')).to.match(/^550 /);
    expect(await command('SITE DIRSTYLE')).to.equal('200 MSDOS-like directory output is off');
    expect((await served.client.download('LIST /sub')).bytes.toString()).to.match(/^-rwxrwxrwx/);
  });

  it('fileZilla wants TLS, and its session on data connections', async () => {
    await become('fileZilla');
    const { ca } = { ca: certificate().cert };
    expect(await served.client.reply()).to.match(/^220-FileZilla Server 1/);
    expect(await served.said('USER user')).to.equal('530');
    expect(await served.said('AUTH TLS')).to.equal('234');
    const secured = await served.client.secure({ ca });
    expect(await served.said('USER user', 'PASS secret', 'PBSZ 0', 'PROT P')).to.equal('331 230 200 200');
    const session = secured.getSession();
    for (const options of [{ ca }, { ca, ...(session ? { session } : {}) }]) {
      const socket = await served.client.passive();
      served.client.write('RETR a\r\n');
      expect(await served.client.reply()).to.equal('150 About to start data transfer.');
      const data = connect({ socket, ...options });
      const bytes = await buffer(data).catch(() => Buffer.alloc(0));
      if ('session' in options) expect([bytes.toString(), await served.client.reply()]).to.deep.equal(['0123456789', '226 Operation successful']);
      else expect(await served.client.reply()).to.equal('425 Unable to build data connection: TLS session of data connection not resumed.');
    }
  });

  it('zOS ends transfers with 250, and zOSDataSets has data sets', async () => {
    await become('zOS');
    const { mark, reply } = await served.client.download('RETR a');
    expect([mark.slice(0, 3), reply]).to.deep.equal(['125', '250 Transfer completed successfully.']);
    await served.restart({ ...PERSONALITIES.zOSDataSets, files: { '/mvs/USER.A.B': 'x', '/mvs/USER.PDS/ONE': 'y' } });
    expect((await names('LIST')).map((line) => line.split(/ +/).at(-1))).to.deep.equal(['Dsname', 'A.B', 'PDS']);
    expect(await command("CWD 'USER.PDS'")).to.equal('250 The working directory "USER.PDS" is a partitioned data set');
    expect(await command('PWD')).to.equal(`257 "'USER.PDS'" partitioned data set is working directory.`);
    expect((await served.client.download('RETR ONE')).bytes.toString()).to.equal('y');
    expect(await command('CWD NONE')).to.equal('250 "USER.PDS.NONE." is the working directory name prefix.');
    expect(await command('LIST')).to.equal('550 No data sets found.');
  });

  it('ibmI begins in a library, and changes names and listings by SITE', async () => {
    await become('ibmI');
    expect(await command('PWD')).to.equal('257 "QGPL" is current library.');
    expect(await served.said('RETR a')).to.equal('501');
    expect(await command('SITE NAMEFMT 1')).to.equal('250 Now using naming format "1".');
    expect(await command('PWD')).to.match(/^257 "\/QSYS.LIB\/QGPL.LIB" /);
    expect((await names('LIST /sub'))[0]).to.match(/^USER {16}1 02\/29\/20 12:34:56 \*STMF {6}b$/);
    expect(await command('SITE LISTFMT 1')).to.equal('250 Now using list format "1".');
    expect((await names('LIST /sub'))[0]).to.match(/^-rw-r--r-- /);
  });

  it('busyBox reads ABOR only after the transfer, which breaks with 451', async () => {
    await become('busyBox');
    const socket = await served.client.passive();
    expect(await served.said('RETR big')).to.equal('150');
    served.client.write('ABOR\r\n');
    socket.resetAndDestroy();
    expect(await served.client.codes(2)).to.equal('451 500');
    expect(await command('MKD new')).to.equal('257 Operation successful');
  });

  it('lwIP resets the connection at ABOR, and knows no TYPE', async () => {
    await become('lwIP');
    expect([await served.said('TYPE I'), await served.said('SYST'), await command('MKD new')]).to.deep.equal(['502', '214', '257 "new" created.']);
    const socket = await served.client.passive('PASV');
    expect(await served.said('RETR big')).to.equal('150');
    served.client.write('ABOR\r\n');
    await served.client.ended();
    socket.destroy();
  });

  it('vxWorks lists as VxWorks does', async () => {
    await become('vxWorks');
    expect(await command('PWD')).to.equal('257 Current directory is "/"');
    await served.client.passive('PASV');
    const { bytes } = await served.client.download('LIST', 'PASV');
    expect(bytes.toString().split('\r\n').slice(0, 2)).to.deep.equal(['      10    Feb-29-2020  12:34:56   a', '    4096    Feb-29-2020  12:34:56   sub               <DIR>']);
  });

  it('camera has one client, ends lines with LF, and leaves without a word', async () => {
    await become('camera');
    const other = await RawClient.connect(served.server);
    expect(await other.reply()).to.match(/^421 /);
    other.close();
    expect(await command('FEAT')).to.equal('502 Command not implemented');
    expect(served.client.chunks.join('')).to.not.include('\r');
    served.client.write('QUIT\r\n');
    await served.client.ended();
  });

  it('servU4 drops what comes during a transfer', async () => {
    await become('servU4');
    const socket = await served.client.passive('PASV');
    expect(await served.said('RETR big')).to.equal('150');
    served.client.write('PWD\r\n');
    expect((await buffer(socket)).length).to.equal(FILES['/big'].size);
    expect(await served.client.codes(1)).to.equal('226');
    expect(await command('XYZZY')).to.equal("500 'XYZZY': command not understood.");
  });
});
