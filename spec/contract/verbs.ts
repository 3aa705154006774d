import { expect } from 'chai';
import { PermanentError, ProtocolError } from '../../lib/index';
import { failure } from '../support/client';
import { list, type Scene } from './scene';
import { itNeeds, refusal } from './target';

/** In seconds. */
const HALF_A_DAY = 43_200;

/** Every verb that is a command and a reply. */
export function describeVerbs(scene: Scene): void {
  describe('folders', () => describeFolders(scene));
  describe('files', () => describeFiles(scene));
  describe('the server', () => describeServer(scene));
}

function describeFolders(scene: Scene): void {
  const { target } = scene;
  const { facts } = target;

  it('makes a folder, enters and leaves it, and removes it', async () => {
    const { ftp } = scene;
    const path = `${scene.path}/made`;
    const told = { path, name: 'made', nothing: '', disk: target.disk.path(`${scene.folder}/made`) }[facts.mkdTells];
    expect(await ftp.mkd('made')).to.equal(told);
    expect(scene.names()).to.include('made');
    await ftp.cwd('made');
    expect(await ftp.pwd()).to.equal(path);
    await scene.up();
    expect(await ftp.pwd()).to.equal(scene.path);
    await ftp.cwd('made');
    await ftp.cwd('..');
    expect(await ftp.pwd()).to.equal(scene.path);
    await ftp.rmd('made');
    expect(scene.names()).not.to.include('made');
  });

  it('is told that a folder is missing', async () => {
    if (facts.entersAnything) await scene.ftp.cwd('missing').then(() => scene.up());
    else {
      const error = await refusal(scene.ftp.cwd('missing'));
      expect(error).to.be.instanceOf(PermanentError);
      expect(error.reply?.code).to.equal(550);
      expect(error.message).to.match(/^CWD missing: 550/);
    }
    expect((await refusal(scene.ftp.rmd('missing'))).reply?.code).to.equal(550);
    expect(await scene.ftp.pwd()).to.equal(scene.path);
  });

  it('is told that a folder exists, or is not empty', async () => {
    await scene.ftp.mkd('full');
    await scene.put('full/file', 'x');
    // 553 on GridFTP, 521 on tcllib, 550 elsewhere; ftp-srv says 257 again.
    if (facts.mkdTells === 'disk') expect(await scene.ftp.mkd('full')).to.equal(target.disk.path(`${scene.folder}/full`));
    else expect((await refusal(scene.ftp.mkd('full'))).reply?.kind).to.equal('permanent');
    expect((await refusal(scene.ftp.rmd('full'))).reply?.code).to.equal(facts.missing.full);
    expect(scene.read('full/file').toString()).to.equal('x');
  });

  itNeeds(target, 'NLST', 'lists names', async () => {
    await scene.ftp.mkd('names');
    for (const name of ['a', 'b c', 'd.txt']) await scene.put(`names/${name}`, name);
    const names = (await scene.within('names', (path) => list(scene.ftp.nlst(path)))).map(base).filter(notDots).sort();
    expect(names).to.deep.equal(scene.names('names'));
  });

  it('lists a folder in lines', async () => {
    await scene.ftp.mkd('lines');
    for (const name of ['one.txt', 'two.txt']) await scene.put(`lines/${name}`, name);
    const lines = (await scene.within('lines', (path) => list(scene.ftp.dir(path)))).filter((line) => line.includes('.txt'));
    expect(lines.map((line) => line.trimEnd().slice(-7)).sort()).to.deep.equal(['one.txt', 'two.txt']);
    expect(lines.join('\n')).to.match(facts.lines.file);
  });

  itNeeds(target, 'MLSD', 'lists a folder in facts', async () => {
    await scene.ftp.mkd('facts');
    await scene.put('facts/one.txt', '1234567');
    const lines = await list(scene.ftp.retrlines(`MLSD ${scene.path}/facts`));
    expect(lines.join('\n')).to.match(/(^|;)size=7;.* one\.txt\r?$/im);
    const [entry] = await list(scene.ftp.mlsd(`${scene.path}/facts`));
    expect(entry).to.include({ name: 'one.txt', type: 'file', size: 7 });
  });

  it('lists a missing folder as the server does', async () => {
    const listing = list(scene.ftp.dir('missing'));
    if (facts.listMissing === 'listing') expect((await listing).length).to.be.at.most(facts.listsPaths ? 1 : scene.names().length);
    else expect((await refusal(listing)).reply?.code).to.equal(facts.listMissing);
  });

  it('lists an empty folder', async () => {
    await scene.ftp.mkd('hollow');
    const lines = await scene.within('hollow', (path) => list(scene.ftp.dir(path)));
    expect(lines.filter((line) => !/^$|^total 0|\s\.{1,2}\r?$/.test(line))).to.deep.equal([]);
  });

  it('reports the permissions on disk in a listing', async () => {
    await scene.ftp.mkd('modes');
    scene.mkdir('modes/inner');
    const lines = await scene.within('modes', (path) => list(scene.ftp.dir(path)));
    expect(lines.find((line) => /\binner\b/.test(line))).to.match(facts.lines.folder);
  });
}

function describeFiles(scene: Scene): void {
  const { target } = scene;
  const { missing } = target.facts;

  it('deletes a file', async () => {
    await scene.put('gone', 'x');
    await scene.ftp.delete('gone');
    expect(scene.names()).not.to.include('gone');
    expect((await refusal(scene.ftp.delete('gone'))).reply?.code).to.equal(550);
  });

  itNeeds(target, 'RNFR', 'renames a file', async () => {
    await scene.put('before', 'renamed');
    await scene.ftp.rename('before', 'after');
    expect(scene.names()).not.to.include('before');
    expect(scene.read('after').toString()).to.equal('renamed');
  });

  it('is told that a file to rename is missing', async () => {
    expect((await refusal(scene.ftp.rename('missing', 'after'))).reply?.code).to.equal(target.facts.refuses.RNFR ?? missing.rename);
    expect(await scene.ftp.pwd()).to.equal(scene.path);
  });

  it('is told that a file to read is missing, and goes on', async () => {
    const error = await refusal(scene.get('missing'));
    expect(error).to.be.instanceOf(PermanentError);
    const phase = missing.mark ? 'completion' : 'command';
    expect({ code: error.reply?.code, phase: error.phase, bytes: error.bytesTransferred }).to.deep.equal({ code: missing.retr, phase, bytes: 0 });
    expect(await scene.ftp.pwd()).to.equal(scene.path);
  });

  itNeeds(target, 'SIZE', 'tells sizes', async () => {
    await scene.put('sized', Buffer.alloc(12_345));
    expect(await scene.ftp.size('sized')).to.equal(12_345);
    expect((await refusal(scene.ftp.size('missing'))).reply?.code).to.equal(missing.size);
  });

  itNeeds(target, 'MDTM', 'tells when a file was modified', async () => {
    await scene.put('dated', 'x');
    const { mtimeMs } = scene.stat('dated');
    const half = target.facts.twelveHours ? HALF_A_DAY : Infinity;
    const seconds = (milliseconds: number): number => Math.floor(milliseconds / 1000) % half;
    const time = seconds((await scene.ftp.mdtm('dated')).getTime()); // ftp-srv tells milliseconds, too, as Node rounds them
    expect([seconds(mtimeMs), seconds(Math.round(mtimeMs))]).to.include(time);
  });

  itNeeds(target, 'MFMT', 'sets when a file was modified', async () => {
    await scene.put('set', 'x');
    const date = new Date(Date.UTC(2019, 0, 2, 3, 4, 5));
    await scene.ftp.mfmt('set', date);
    expect(scene.stat('set').mtime).to.deep.equal(date);
  });

  itNeeds(target, 'SITE CHMOD', 'sets permissions', async () => {
    await scene.put('a mode', 'x');
    for (const mode of [0o640, '604'] as const) {
      await scene.ftp.chmod('a mode', mode);
      expect(scene.stat('a mode').mode & 0o7777).to.equal(typeof mode === 'number' ? mode : 0o604);
    }
    expect((await refusal(scene.ftp.chmod('missing', 0o644))).reply?.kind).to.equal('permanent');
  });

  itNeeds(target, 'MLST', 'tells the facts of a file', async () => {
    await scene.put('listed', '12345');
    const reply = await scene.ftp.sendcmd('MLST listed');
    expect(reply.code).to.equal(250);
    expect(reply.text).to.match(/size=5;/i);
    expect(await scene.ftp.mlst('listed')).to.include({ type: 'file', size: 5 });
  });
}

function describeServer(scene: Scene): void {
  const { target } = scene;

  it('says what it offers', async () => {
    const features = await scene.ftp.feat();
    const { refuses } = target.facts;
    if (features.size === 0) expect(refuses.FEAT, 'the code for FEAT').to.be.a('number');
    else expect(features.has('MLST')).to.equal(refuses.MLSD === undefined);
  });

  it('says what it runs on', async () => {
    const { system } = target.facts;
    if (system) expect((await scene.ftp.syst()).text).to.match(system);
    else expect(await failure(scene.ftp.syst())).to.be.instanceOf(ProtocolError);
    expect(await scene.ftp.pwd()).to.equal(scene.path);
  });

  itNeeds(target, 'NOOP', 'answers NOOP', async () => expect((await scene.ftp.noop()).code).to.equal(200));
  itNeeds(target, 'HELP', 'helps', async () => expect((await scene.ftp.help()).code).to.be.oneOf([211, 214]));
  itNeeds(target, 'SITE', 'has commands of its own', async () => expect((await scene.ftp.site('HELP')).code).to.equal(214));
  itNeeds(target, 'OPTS', 'takes options', async () => expect((await scene.ftp.opts('UTF8 ON')).kind).to.equal('completion'));

  itNeeds(target, 'STAT', 'tells its state, and that of a file', async () => {
    expect((await scene.ftp.stat()).kind).to.equal('completion');
    await scene.put('state', 'x');
    expect((await scene.ftp.stat('state')).text).to.contain('state');
  });

  it('is told that a command does not exist', async () => {
    const error = await refusal(scene.ftp.sendcmd('XYZZY'));
    expect(error).to.be.instanceOf(PermanentError);
    expect(error.reply?.code).to.be.oneOf([500, 501, 502]);
    expect(await scene.ftp.pwd()).to.equal(scene.path);
  });

  it('takes a line as it is', async () => expect((await scene.ftp.sendcmd('PWD')).code).to.equal(257));
  itNeeds(target, 'TYPE', 'takes a type', async () => expect((await scene.ftp.voidcmd('TYPE I')).kind).to.equal('completion'));
}

/** Servers differ in whether NLST of a folder names the folder too. */
function base(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Pure-FTPd and GridFTP list `.` and `..`. */
function notDots(name: string): boolean {
  return name !== '.' && name !== '..';
}
