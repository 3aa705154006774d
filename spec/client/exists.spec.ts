import { expect } from 'chai';
import { finished } from 'node:stream/promises';
import { ConnectionClosedError, PermanentError, TemporaryError } from '../../lib/index';
import { failure, scene } from '../support/client';
import { PERSONALITIES } from '../support/server/personalities';
import { data, dataEnd, hangUp, openData, send } from '../support/server/steps';

const FILES = { '/file': 'x', '/folder/inner': 'x', '/a name/with  blanks': 'x', '/no such file': 'x', '/empty/': '', '/.hidden': 'x' };
const THERE = ['file', '/file', 'folder', 'folder/', 'folder/inner', '/folder/inner', 'a name', 'a name/with  blanks', 'no such file', 'empty', '.hidden', '/', '.'];
const MISSING = ['missing', '/missing', 'folder/missing', 'missing/inner', '/missing/inner', 'empty/inner', 'not found', '.missing', 'file2', 'fil', 'file/inner', 'file/file', 'file/inner/most'];

describe('exists()', () => {
  const stage = scene();

  for (const [name, personality] of [['the usual server', {}], ...Object.entries(PERSONALITIES).filter(([, personality]) => !('tls' in personality || 'paths' in personality))] as [string, object][]) {
    it(`knows what is there, and what is not, on ${name}`, async () => {
      const server = await stage.serve({ files: FILES, ...personality });
      const ftp = stage.client(server, { stallTimeout: 2000, ...('listings' in personality ? { enterFolders: true } : {}) });
      for (const path of THERE) expect(await ftp.exists(path), path).to.equal(true);
      for (const path of MISSING) expect(await ftp.exists(path), path).to.equal(false);
      expect(await ftp.exists('file')).to.equal(true);
      expect(await ftp.pwd()).to.equal('/');
    });
  }

  it('takes one round trip where MLST is known', async () => {
    const server = await stage.serve({ files: FILES });
    const ftp = await stage.connect(server);
    await ftp.feat();
    server.commands.length = 0;
    expect([await ftp.exists('file'), await ftp.exists('missing')]).to.deep.equal([true, false]);
    expect(server.commands.filter((line) => !line.startsWith('OPTS'))).to.deep.equal(['MLST file', 'MLST missing']);
  });

  it('does not ask for MLST where FEAT does not offer it, because a server may never answer that (inetutils after a syntax error)', async () => {
    const server = await stage.serve({ files: FILES, features: ['SIZE', 'MDTM'], script: { MLST: () => undefined } });
    const ftp = await stage.connect(server);
    await ftp.feat();
    expect([await ftp.exists('file'), await ftp.exists('missing'), (await ftp.mlst('file')).size]).to.deep.equal([true, false, 1]);
    expect((await failure(finished(ftp.stor('missing/file').end('x')))).message).to.include('the folder missing is missing');
    expect(server.commands.filter((line) => line.startsWith('MLST'))).to.deep.equal([]);
  });

  it('does not ask for MLST again where the server has none', async () => {
    const server = await stage.serve({ files: FILES, lacks: ['MLST'], features: ['SIZE', 'MDTM'] });
    const ftp = await stage.connect(server);
    await ftp.exists('file');
    server.commands.length = 0;
    expect(await ftp.exists('file')).to.equal(true);
    expect(server.commands).to.deep.equal(['SIZE file', 'MDTM file']);
  });

  it('knows that nothing is in a file, where the server says so in other words (Pure-FTPd, pyftpdlib, GridFTP)', async () => {
    const server = await stage.serve({ files: FILES, script: { MLST: '550 Not a directory.', SIZE: '550 Not a directory.', MDTM: '550 Not a directory.', CWD: '550 Not a directory.' } });
    const ftp = stage.client(server);
    expect(await ftp.exists('file/inner')).to.equal(false);
    expect(await ftp.exists('file/inner/most')).to.equal(false);
  });

  it('does not take the reply to another command for an answer', async () => {
    const server = await stage.serve({ files: FILES, packets: 'backwards' });
    expect(await stage.client(server).exists('missing')).to.equal(false);
    const vague = await stage.serve({ files: FILES, script: { MLST: '200 Always in UTF8 mode.' } });
    const ftp = stage.client(vague);
    for (const path of ['missing', 'file', 'folder', 'missing']) expect(await ftp.exists(path), path).to.equal(path !== 'missing');
  });

  it('is an error where the server lets nobody look', async () => {
    const server = await stage.serve({ files: FILES, script: { MLST: '550 file: Permission denied.', SIZE: '550 No.', MDTM: '550 No.', CWD: '550 No.', MLSD: '550 No.', LIST: '550 No.' } });
    const error = await failure(stage.client(server).exists('file'));
    expect(error).to.be.instanceOf(PermanentError);
    expect(error.message).to.equal('MLST file: 550 file: Permission denied.');
  });

  it('is an error where nothing of what the server says is certain, and the folder is not listed', async () => {
    const server = await stage.serve({ files: FILES, script: { MLST: '550 Nein.', SIZE: '550 Nein.', MDTM: '550 Nein.', CWD: '550 Nein.', MLSD: '550 Nein.', LIST: '550 Nein.' } });
    expect((await failure(stage.client(server).exists('file'))).message).to.equal('CWD file: 550 Nein.');
  });

  it('is what the listing of the folder shows, where a refusal has other words', async () => {
    const refuse = { MLST: '550 Nein.', SIZE: '550 Nein.', MDTM: '550 Nein.', CWD: '550 Nein.' };
    const server = await stage.serve({ files: FILES, script: refuse });
    const ftp = stage.client(server);
    for (const path of ['file', 'folder', '.hidden', 'no such file']) expect(await ftp.exists(path), path).to.equal(true);
    for (const path of ['missing', 'not found']) expect(await ftp.exists(path), path).to.equal(false);
  });

  it('is an error where a line of that listing cannot be read', async () => {
    const server = await stage.serve({ files: FILES, lacks: ['MLSD', 'MLST'], features: ['SIZE'], script: { SIZE: '550 Nein.', MDTM: '550 Nein.', CWD: '550 Nein.', LIST: [openData(), send('150 Here.'), data('what nobody can read\r\n'), dataEnd(), send('226 Done.')] } });
    expect((await failure(stage.client(server).exists('missing'))).message).to.equal('CWD missing: 550 Nein.');
  });

  it('is an error, not false, where the session ends or is refused', async () => {
    expect(await failure(stage.client(await stage.serve({ script: { PASS: '530 Login incorrect.' } })).exists('file'))).to.be.instanceOf(PermanentError).with.nested.property('reply.code', 530);
    expect(await failure(stage.client(await stage.serve({ script: { MLST: '530 Please log in.' } })).exists('file'))).to.be.instanceOf(PermanentError).with.nested.property('reply.code', 530);
    expect(await failure(stage.client(await stage.serve({ script: { MLST: [send('421 No such file here, bye.'), hangUp()] } })).exists('file'))).to.be.instanceOf(TemporaryError);
    expect(await failure(stage.client(await stage.serve({ script: { MLST: [hangUp()] } })).exists('file'))).to.be.instanceOf(ConnectionClosedError);
    const late = await stage.serve({ lacks: ['MLST'], script: { SIZE: '550 Nein.', MDTM: [hangUp()] } });
    expect(await failure(stage.client(late).exists('file'))).to.be.instanceOf(ConnectionClosedError);
  });
});
