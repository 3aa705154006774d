import { expect } from 'chai';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { inspect } from 'node:util';
import { ArgumentError, PermanentError, TransferError } from '../../lib/errors';
import { open } from '../../lib/client/open';
import { failure, scene, NOBODY } from '../support/client';
import { certificate } from '../support/server/certificates';
import type { FtpServer } from '../support/server/ftp-server';
import { data, dataEnd, hangUp, send, silence } from '../support/server/steps';

const FILES = { '/x': 'top', '/a/b/x': 'deep', '/a/with space;%': 'odd', '/lines': 'one\ntwo\n', '/big': Buffer.alloc(4 << 20), '/empty/': '' };

/** What the server was asked after the login. */
function asked({ commands }: FtpServer): string[] {
  return commands.slice(commands.findIndex((line) => line.startsWith('PASS')) + 1).filter((line) => !/^(FEAT|OPTS UTF8 ON|EPSV|QUIT)$/.test(line));
}

describe('open', () => {
  const stage = scene();

  const paths: Readonly<Record<string, [wire: string[], content: string]>> = {
    'x': [['TYPE I', 'RETR x'], 'top'],
    'a/b/x': [['TYPE I', 'RETR a/b/x'], 'deep'],
    '%2Fa/b/x': [['TYPE I', 'RETR /a/b/x'], 'deep'],
    '/a/b/x': [['TYPE I', 'RETR /a/b/x'], 'deep'],
    'a/with%20space;%25': [['TYPE I', 'RETR a/with space;%'], 'odd'],
    'x;type=i': [['TYPE I', 'RETR x'], 'top'],
    'lines;type=a': [['TYPE A', 'RETR lines'], 'one\r\ntwo\r\n'],
    'a;type=d': [['TYPE A', 'NLST a'], 'b\r\nwith space;%\r\n'],
    'a/b/;type=d': [['TYPE A', 'NLST a/b/'], 'x\r\n'],
    'empty/': [['TYPE A', 'LIST empty/'], ''],
  };
  for (const [path, [wire, content]] of Object.entries(paths)) {
    it(`reads …/${path}`, async () => {
      const server = await stage.serve({ files: FILES });
      expect(await text(open(server.url + path))).to.equal(content);
      await server.deserted();
      expect(asked(server)).to.deep.equal(wire);
      expect(server.commands.at(-1)).to.equal('QUIT');
    });
  }

  it('lists the login folder where there is no path', async () => {
    const server = await stage.serve({ files: FILES });
    expect(await text(open(server.url))).to.match(/ x\r\n/).and.match(/^d.* empty\r\n/m);
    await server.deserted();
    expect(asked(server)).to.deep.equal(['TYPE A', 'LIST']);
  });

  it('is anonymous by default, and takes options over what the URL says', async () => {
    const server = await stage.serve({ files: FILES });
    const url = `ftp://${server.host}:${server.port}/x`;
    expect(await text(open(url))).to.equal('top');
    expect(await text(open(new URL(url), { user: 'user', password: 'secret' }))).to.equal('top');
    await server.deserted();
    expect(server.commands.filter((line) => /^(USER|PASS)/.test(line))).to.deep.equal(['USER anonymous', 'PASS anonymous@', 'USER user', 'PASS secret']);
  });

  it('decodes user and password', async () => {
    const server = await stage.serve({ files: FILES, users: { 'me@home': 'p:a/s%s' } });
    expect(server.url).to.include('me%40home:p%3Aa%2Fs%25s@');
    expect(await text(open(`${server.url}x`))).to.equal('top');
    await server.deserted();
  });

  it('is TLS where the URL is ftps: or ftpes:', async () => {
    for (const mode of ['implicit', 'explicit'] as const) {
      const server = await stage.serve({ files: FILES, tls: { mode, required: true, ...certificate() } });
      expect(await text(open(`${server.url}x`, { tls: { ca: certificate().cert } }))).to.equal('top');
      await server.deserted();
    }
  });

  it('does nothing before the first read', async () => {
    const server = await stage.serve();
    let sessions = 0;
    server.on('session', () => (sessions += 1));
    const stream = open(`${server.url}x`);
    await new Promise(setImmediate);
    expect(sessions).to.equal(0);
    stream.destroy();
    await once(stream, 'close');
  });

  describe('closes its connection', () => {
    it('when the stream is destroyed early', async () => {
      const server = await stage.serve({ files: FILES });
      const stream = open(`${server.url}big`);
      await once(stream, 'readable');
      stream.destroy();
      await once(stream, 'close');
      await server.deserted();
      await server.idle();
    });

    it('when a loop over it is left', async () => {
      const server = await stage.serve({ files: FILES });
      for await (const chunk of open(`${server.url}big`)) {
        expect(chunk).to.be.instanceOf(Uint8Array);
        break;
      }
      await server.deserted();
    });

    it('when it is destroyed while it connects', async () => {
      const server = await stage.serve({ script: { GREETING: [silence()] } });
      const stream = open(`${server.url}x`).resume();
      await once(server, 'session');
      stream.destroy();
      await once(stream, 'close');
      await server.deserted();
    });

    it('when there is no such file', async () => {
      const server = await stage.serve({ files: FILES });
      const error = await failure(finished(open(`${server.url}missing`).resume()));
      expect(error).to.be.instanceOf(PermanentError).and.include({ message: 'RETR missing: 550 No such file or directory.' });
      await server.deserted();
    });

    it('when the server does not answer QUIT, without an error', async () => {
      const server = await stage.serve({ files: FILES, script: { QUIT: [hangUp()] } });
      expect(await text(open(`${server.url}x`))).to.equal('top');
      await server.deserted();
    });
  });

  it('fails where the data are short', async () => {
    const server = await stage.serve({ script: { RETR: [send('150 Here (10 bytes).'), data('half'), dataEnd(), send('226 Done.')] } });
    const error = await failure(finished(open(`${server.url}x`).resume()));
    expect(error).to.be.instanceOf(TransferError).and.include({ bytesTransferred: 4, expectedBytes: 10 });
    await server.deserted();
  });

  describe('shows no credentials', () => {
    const SECRET = 'hunter2-swordfish';

    it('in errors about the URL', () => {
      for (const url of [`http://me:${SECRET}@h/x`, `ftp://me:${SECRET}@/x`, `ftp://me:${SECRET}@h:99999/x`, `ftp://me:${SECRET}@h/x;type=q`, `ftp://me:${SECRET}@h/%0d%0aDELE`, `ftp://me:${SECRET}@h/%zz`]) {
        expect(() => open(url)).to.throw(ArgumentError).that.satisfies((error: Error) => !inspect(error, { depth: 9 }).includes(SECRET));
      }
    });

    it('in errors of the connection, the login and the transfer', async () => {
      const server = await stage.serve({ users: { me: SECRET }, files: FILES });
      for (const url of [`ftp://me:${SECRET}@${NOBODY.host}:${NOBODY.port}/x`, `ftp://me:${SECRET}1@${server.host}:${server.port}/x`, `${server.url}missing`]) {
        const error = await failure(finished(open(url).resume()));
        expect(inspect(error, { depth: 9 })).to.not.include(SECRET);
      }
      await server.deserted();
    });
  });
});
