import { expect } from 'chai';
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { deploy, release } from '../../examples/deploy';
import { resumedDownload, segmented } from '../../examples/get';
import { follow, inbox } from '../../examples/inbox';
import { retry } from '../../examples/retry';
import { mirrorDown, mirrorUp } from '../../examples/mirror';
import { duplicate, parallel } from '../../examples/parallel';
import { reliableUpload, resumedUpload } from '../../examples/put';
import { relay } from '../../examples/relay';
import { gently } from '../../examples/throttle';
import { verified } from '../../examples/verify';
import { sizeOfAll } from '../../examples/walk';
import { sha256 } from '../support/hash';
import { content } from '../support/server/content';
import { capture, Home, PHOTO, startServer, urlOf } from './home';
import { FtpServer } from '../support/server/ftp-server';
import type { Step } from '../support/server/script';
import { FEATURES } from '../support/server/server-options';
import { receiveChunks, sendChunks } from '../support/server/transfer';

const IMAGE = content(300_000);
const image = IMAGE.read(0, IMAGE.size);

describe('examples: bulk transfers', () => {
  const home = new Home(start);
  let server: FtpServer;
  let url: string;
  beforeEach(() => {
    ({ server } = home);
    url = urlOf(server);
  });

  const sent = (verb: string): string[] => server.commands.filter((line) => line.startsWith(verb));

  it('mirror: down, and then only what differs', async () => {
    const first = await capture(() => mirrorDown(url));
    expect(first).to.include('downloaded deep/notes.txt ');
    expect(await readFile('copy/image.iso')).to.deep.equal(image);
    expect(await capture(() => mirrorDown(url))).to.deep.equal([]);
    server.files.delete('/pub/README');
    expect(await capture(() => mirrorDown(url))).to.deep.equal(['deleted README ']);
    expect(await readdir('copy')).to.have.members(['image.iso', 'deep']);
  });

  it('mirror: up', async () => {
    await capture(() => mirrorDown(url));
    expect(await capture(() => mirrorUp(url))).to.include('uploaded deep/notes.txt');
    expect(server.read('/incoming/image.iso')).to.deep.equal(image);
  });

  it('deploy: what differs of a fresh checkout, or a whole version at once', async () => {
    await mkdir('dist');
    const checkOut = async (files: Record<string, string>): Promise<void> => {
      for (const [name, text] of Object.entries(files)) await writeFile(`dist/${name}`, text);
    };
    await checkOut({ 'index.html': 'one', 'app.js': 'one' });
    expect(await capture(() => deploy(url))).to.include.members(['uploaded index.html', 'uploaded app.js']);
    await checkOut({ 'index.html': 'two', 'app.js': 'one' });
    await utimes('dist/app.js', 1, 1);
    server.write('/www/site/gone.js', 'gone');
    expect(await capture(() => deploy(url))).to.deep.equal(['uploaded index.html', 'deleted gone.js']);
    await checkOut({ 'index.html': 'three' });
    expect((await capture(() => release(url))).map((line) => line.replace(/[0-9a-f]{8}/, '…'))).to.deep.equal(['the new version is online', 'the old one is ../.site.….old']);
    expect(server.read('/www/site/index.html').toString()).to.equal('three');
  });

  it('parallel: a tree on several connections, with a progress line', async () => {
    const lines: string[] = [];
    await parallel('127.0.0.1', server.port, (line) => lines.push(line));
    expect(lines.at(-1)).to.equal('\r3 files, 0.3 MB');
    expect(await readFile('copy/deep/notes.txt', 'utf8')).to.equal('notes');
  });

  it('parallel: download and upload at the same time', async () => {
    await duplicate(url);
    expect(server.read('/incoming/README').toString()).to.equal('read me\r\n');
  });

  it('walk: what a tree comes to', async () => {
    expect(await sizeOfAll(url, '*.txt')).to.equal(5);
    expect(await sizeOfAll(url, '**')).to.equal(300_014);
  });

  it('inbox: takes each file that has come whole, and moves it away', async () => {
    server.write('/in/1.edi', 'first order');
    server.write('/in/notes.txt', 'none');
    server.write('/done/', '');
    const controller = new AbortController();
    const taken: string[] = [];
    await inbox(url, async (name, order) => {
      if (taken.push(`${name}: ${order}`) === 1) server.write('/in/2.edi', 'second order');
      else controller.abort();
    }, controller.signal, 100);
    expect(taken).to.deep.equal(['1.edi: first order', '2.edi: second order']);
    expect(server.files.names('/done')).to.deep.equal(['1.edi', '2.edi']);
    expect(server.files.names('/in')).to.deep.equal(['notes.txt']);
    expect(server.commands.at(-1)).to.equal('QUIT');
  });

  it('inbox: takes nothing twice, over a restart', async () => {
    const taken: string[] = [];
    for (const stopAt of [2, 4]) {
      const controller = new AbortController();
      await follow(url, async (path) => {
        if (taken.push(path) === stopAt) controller.abort();
      }, controller.signal, 100);
      server.write('/pub/deep/new.txt', 'new');
    }
    expect(taken).to.have.members(['README', 'image.iso', 'deep/notes.txt', 'deep/new.txt']);
  });

  it('retry: goes on where the connection was lost', async () => {
    server.script = { RETR: [[sendThenReset], [(session) => session.normal()]] };
    const printed = await capture(() => retry(url));
    expect(printed[0]).to.match(/^retry 1 in \d+ ms: /);
    expect(await readFile('image.iso')).to.deep.equal(image);
  });

  it('put: goes on where the connection was lost', async () => {
    server.script = { STOR: [[takeThenReset], [(session) => session.normal()]] };
    expect(await capture(() => reliableUpload(url))).to.deep.equal(['70000 bytes, 1 retries']);
    expect(server.read('/incoming/photo.jpg')).to.deep.equal(PHOTO);
    expect(server.files.names('/incoming')).to.deep.equal(['photo.jpg']);
  });

  it('put: goes on with what an earlier run has left', async () => {
    server.write('/incoming/.photo.jpg.part', PHOTO.subarray(0, 30_000));
    server.file('/incoming/.photo.jpg.part').modified = new Date();
    expect(await resumedUpload(url)).to.equal(30_000);
    expect(server.read('/incoming/photo.jpg')).to.deep.equal(PHOTO);
  });

  it('get: goes on with what an earlier run has left', async () => {
    await writeFile('image.iso', image.subarray(0, 60_000));
    expect(await resumedDownload(url)).to.equal(60_000);
    expect(await readFile('image.iso')).to.deep.equal(image);
  });

  it('get: in segments', async () => {
    await segmented(url);
    expect(await readFile('image.iso')).to.deep.equal(image);
    expect(sent('RETR')).to.have.length(4);
    expect(sent('HASH')).to.have.length(1);
  });

  it('throttle and progress: both downloads are whole', async () => {
    const printed = await capture(() => gently(url, 50_000_000));
    expect(printed.at(-1)).to.match(/^100 %, .* bytes\/s, 0 s left$/);
    expect(await readFile('image.iso')).to.deep.equal(image);
    expect(await readFile('README.copy', 'utf8')).to.equal('read me\r\n');
  });

  it('verify: by hash, in both directions', async () => {
    expect(await verified(url)).to.equal(await sha256(image));
    expect(sent('HASH')).to.have.length(3);
    expect(server.read('/incoming/photo.jpg')).to.deep.equal(PHOTO);
  });

  it('relay: from server to server, through us', async () => {
    const target = await start();
    try {
      await relay(url, urlOf(target));
      expect(target.read('/incoming/image.iso')).to.deep.equal(image);
    } finally {
      await target.close();
    }
  });
});

function start(): Promise<FtpServer> {
  return startServer({
    features: [...FEATURES, 'HASH SHA-256*'],
    files: { '/pub/README': 'read me\r\n', '/pub/image.iso': IMAGE, '/pub/deep/notes.txt': 'notes', '/incoming/': '' },
  });
}

/** Sends the first third of the image, and loses the connection. */
const sendThenReset: Step = async (session) => {
  const socket = await session.dataConnection();
  session.reply('150 go');
  await sendChunks(socket, [image.subarray(0, 100_000)]);
  session.control.reset();
};

/** Takes all that comes, keeps some of it, and loses the connection. */
const takeThenReset: Step = async (session) => {
  const socket = await session.dataConnection();
  session.reply('150 go');
  const chunks: Uint8Array[] = [];
  await receiveChunks(socket, (chunk) => chunks.push(chunk));
  session.server.write(session.path(session.argument), Buffer.concat(chunks).subarray(0, 20_000));
  session.control.reset();
};
