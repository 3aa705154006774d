import { expect } from 'chai';
import { once } from 'node:events';
import { type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { gunzipSync } from 'node:zlib';
import { cancelBySignal, destroyed, firstChunk } from '../../examples/cancel';
import { copy } from '../../examples/copy';
import { workingFolder } from '../../examples/dispose';
import { download } from '../../examples/download';
import { errors } from '../../examples/errors';
import { transcript } from '../../examples/events';
import { gzip } from '../../examples/gzip';
import { httpUpload } from '../../examples/http-upload';
import { sizes } from '../../examples/inflight';
import { lines } from '../../examples/lines';
import { names } from '../../examples/names';
import { nested } from '../../examples/nested';
import { greet } from '../../examples/netrc';
import { range } from '../../examples/range';
import { resume } from '../../examples/resume';
import { clientByProgram } from '../../examples/tunnel';
import { upload } from '../../examples/upload';
import { download as downloadURL } from '../../examples/url';
import { ConnectionClosedError } from '../../lib';
import { content } from '../support/server/content';
import { capture, Home, PHOTO, startServer, urlOf } from './home';
import { FtpServer } from '../support/server/ftp-server';
import { boundary, hangUp, normal, resetControl } from '../support/server/steps';

const IMAGE = content(100_000);
const image = IMAGE.read(0, IMAGE.size);
const BIG = content(20 * 1024 * 1024);

describe('examples', () => {
  const home = new Home(start);
  let server: FtpServer;
  let url: string;
  let folder: string;
  beforeEach(() => {
    ({ server, folder } = home);
    url = urlOf(server);
  });

  it('download: a file', async () => {
    await download(url);
    expect(await readFile('README.copy', 'latin1')).to.equal('read me\r\n');
  });

  it('upload: a file', async () => {
    await upload(url);
    expect(server.read('/incoming/photo.jpg')).to.deep.equal(PHOTO);
  });

  it('gzip: compressed on the way up', async () => {
    await gzip(url);
    expect(gunzipSync(server.read('/incoming/photo.jpg.gz'))).to.deep.equal(PHOTO);
  });

  it('http-upload: an HTTP request body', async () => {
    const http = httpUpload(url);
    const port = await listen(http);
    try {
      const { status, body } = await post(port, PHOTO);
      expect(status).to.equal(201);
      expect(server.read(`/${body.trim()}`)).to.deep.equal(PHOTO);
    } finally {
      http.close();
    }
  });

  it('http-upload: nothing under its name where the browser leaves', async () => {
    const http = httpUpload(url);
    const port = await listen(http);
    try {
      const sent = request({ host: '127.0.0.1', port, method: 'POST', agent: false }).on('error', () => undefined);
      const begun = once(server, 'command');
      sent.write(PHOTO);
      await begun;
      sent.destroy();
      expect(await post(port, PHOTO)).to.include({ status: 201 });
      expect(server.files.names('/incoming').filter((name) => !name.startsWith('.'))).to.have.length(1);
    } finally {
      http.close();
    }
  });

  for (const [how, drop] of Object.entries({ ends: hangUp(), resets: resetControl() })) {
    it(`http-upload: lives on where the server ${how} the connection after an upload, and at QUIT`, async () => {
      server.script = { RNTO: [normal(), boundary(), drop], QUIT: [drop] };
      const http = httpUpload(url);
      const port = await listen(http);
      for (let i = 0; i < 2; i++) expect(await post(port, PHOTO)).to.include({ status: 201 });
      server.script = { QUIT: [drop] };
      expect(await post(port, PHOTO)).to.include({ status: 201 });
      http.close();
      await server.deserted();
      expect(server.commands.at(-1)).to.equal('QUIT');
    });
  }

  it('http-upload: says so when the server is gone', async () => {
    const http = httpUpload(url);
    const port = await listen(http);
    await server.close();
    try {
      expect(await post(port, PHOTO)).to.include({ status: 502 });
    } finally {
      http.close();
      home.server = await start();
    }
  });

  it('names: as the server gives them', async () => {
    const printed = await capture(async () => expect(await names(url)).to.have.members(['README', 'big', 'image.iso']));
    expect(printed).to.have.length(3);
    expect(printed.join('\n')).to.match(/README/);
  });

  it('nested: downloads while it lists', async () => {
    server.write('/pub/big', Buffer.from('no longer big'));
    await nested(url);
    expect(await readdir(folder)).to.have.members(['photo.jpg', 'README', 'big', 'image.iso']);
    expect(await readFile('image.iso')).to.deep.equal(image);
  });

  it('lines: up and down', async () => {
    expect(await lines(url)).to.deep.equal(['one', 'two']);
    expect(server.read('/incoming/notes').toString()).to.equal('one\ntwo\n');
  });

  it('errors: a refusal is a PermanentError', async () => {
    expect(await errors(url)).to.equal('no: 550');
  });

  it('errors: a server that is gone is an error of the library, too', async () => {
    await server.close();
    expect(await errors(url)).to.match(/^failed: cannot connect/);
    home.server = await start();
  });

  it('cancel: by a signal, and the session lives on', async () => {
    const cancel = new AbortController();
    const target = new PassThrough();
    target.once('readable', () => cancel.abort()); // never read: the download cannot come to its end before
    expect(await cancelBySignal(url, target, cancel.signal)).to.equal('cancelled, and still logged in: /');
    expect(server.commands.filter((line) => line.startsWith('USER'))).to.have.length(1);
  });

  it('cancel: a signal that is never raised changes nothing', async () => {
    expect(await cancelBySignal(url, new PassThrough().resume(), new AbortController().signal)).to.equal('complete');
  });

  it('cancel: by leaving the loop', async () => {
    const chunk = await firstChunk(url);
    const { length = 0 } = chunk ?? {};
    expect(length).to.be.greaterThan(0);
    expect(chunk?.equals(BIG.read(0, length))).to.equal(true);
    expect(server.commands.at(-1)).to.equal('QUIT');
  });

  it('cancel: by destroying the stream', async () => {
    expect(await destroyed(url)).to.equal(BIG.size);
    expect(server.commands.filter((line) => line.startsWith('USER'))).to.have.length(1);
  });

  it('resume: only what is missing', async () => {
    await writeFile('image.iso', image.subarray(0, 60_000));
    await resume(url);
    expect(await readFile('image.iso')).to.deep.equal(image);
    expect(server.commands).to.include('REST 60000');
  });

  it('range: the bytes asked for', async () => {
    expect(await range(url)).to.deep.equal(image.subarray(512, 1024));
  });

  it('netrc: logs in as the file says', async () => {
    await writeFile('netrc', 'machine 127.0.0.1 login user password secret\n', { mode: 0o600 });
    expect(await greet('127.0.0.1', server.port, join(folder, 'netrc'))).to.equal('/');
    expect(server.commands).to.include('USER user');
  });

  it('url: a connection of its own', async () => {
    await downloadURL(url);
    expect(await readFile('README.copy', 'latin1')).to.equal('read me\r\n');
  });

  it('copy: from server to server', async () => {
    const target = await start();
    try {
      await copy(url, urlOf(target));
      expect(target.read('/incoming/README').toString()).to.equal('read me\r\n');
    } finally {
      await target.close();
    }
  });

  it('inflight: each path its size', async () => {
    expect(await sizes(url, ['pub/README', 'pub/image.iso', 'pub/big'])).to.deep.equal([9, 100_000, BIG.size]);
  });

  it('events: everything but the password', async () => {
    const said = (await transcript(url)).join('\n');
    expect(said).to.include('> NOOP').and.to.include('> PASS ****');
    expect(said).to.match(/^< 220/).and.not.to.include('secret');
  });

  it('dispose: says goodbye', async () => {
    expect(await workingFolder(url)).to.equal('/');
    expect(server.commands.at(-1)).to.equal('QUIT');
  });

  it('tunnel: both connections are programs', async () => {
    const relay = "const [host, port] = process.argv.slice(1); const socket = require('node:net').connect({ host, port, allowHalfOpen: true }); process.stdin.pipe(socket).pipe(process.stdout)";
    const led: string[] = [];
    const ftp = clientByProgram(url, (host, port) => {
      led.push(`${host}:${port}`);
      return [process.execPath, '-e', relay, host, String(port)];
    });
    try {
      expect(await text(ftp.retr('pub/README'))).to.equal('read me\r\n');
      await pipeline(Readable.from([PHOTO]), ftp.stor('incoming/photo.jpg'));
      await ftp.quit();
      expect(server.read('/incoming/photo.jpg')).to.deep.equal(PHOTO);
      expect(led).to.have.length(3);
      expect(led[0]).to.equal(`127.0.0.1:${server.port}`);
    } finally {
      ftp.close();
    }
  });

  it('tunnel: a program that is not there is the reason', async () => {
    const ftp = clientByProgram(url, () => [join(folder, 'no such program')]);
    try {
      const error = await ftp.pwd().catch((reason: Error) => reason);
      expect(error).to.be.an.instanceOf(ConnectionClosedError);
      expect(String(error)).to.include('ENOENT');
    } finally {
      ftp.close();
    }
  });
});

function start(): Promise<FtpServer> {
  return startServer({
    files: { '/pub/README': 'read me\r\n', '/pub/image.iso': IMAGE, '/pub/big': BIG, '/incoming/': '' },
  });
}

async function listen(http: Server): Promise<number> {
  await once(http.listen(0, '127.0.0.1'), 'listening');
  return (http.address() as AddressInfo).port;
}

async function post(port: number, bytes: Buffer): Promise<{ readonly status: number | undefined; readonly body: string }> {
  const sent = request({ host: '127.0.0.1', port, method: 'POST', agent: false }).end(bytes);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: response.statusCode, body: await text(response) };
}
