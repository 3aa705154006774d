import { expect } from 'chai';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { PermanentError, TemporaryError, TransferError, type FTPError, type Reply, type StorStream } from '../../lib/index';
import { sha256 } from '../support/hash';
import { chunksOf, content } from '../support/server/content';
import { gate } from '../support/server/gate';
import type { Script } from '../support/server/script';
import { dataClosed, dataEnd, dataReset, openData, receiveData, send, until } from '../support/server/steps';
import { errorOf, hearEnd, rejection, replied, useBench } from '../support/transfers';

const MARK = '150 Ok to send data.';
const REFUSAL = '552 Exceeded storage allocation.';

describe('an upload', () => {
  const bench = useBench();

  /** What an upload of `hello` ends with. */
  async function put(STOR: Script[string]): Promise<{ error: FTPError | undefined; stream: StorStream; finish: boolean }> {
    await bench.serve({ script: { STOR } });
    const ftp = bench.client();
    const stream = ftp.stor('file');
    let finish = false;
    stream.on('finish', () => (finish = true));
    stream.end('hello');
    const error = await errorOf(stream);
    expect(await ftp.pwd()).to.equal('/');
    return { error, stream, finish };
  }

  /** What an upload without an end fails with, whose server does `steps` once bytes are there. */
  async function putForEver(...steps: Exclude<Script[string], string | ((...args: never) => unknown) | undefined>): Promise<FTPError> {
    await bench.serve({ script: { STOR: [openData(), send(MARK), ...(steps as [])] } });
    const ftp = bench.client();
    const error = await rejection(pipeline(endless(), ftp.stor('file')));
    expect(await ftp.pwd()).to.equal('/');
    return error;
  }

  it('finishes when the server has the file', async () => {
    await bench.serve();
    const stream = bench.client().stor('file');
    stream.end('hello');
    await once(stream, 'finish');
    expect(bench.server.read('/file').toString()).to.equal('hello');
    expect(stream.bytesWritten).to.equal(5);
  });

  it('of no bytes makes an empty file', async () => {
    await bench.serve();
    const stream = bench.client().stor('file');
    stream.end();
    await finished(stream);
    expect(bench.server.read('/file').length).to.equal(0);
  });

  it('does not finish before the 2yz, though all bytes have left', async () => {
    const all = gate();
    await bench.serve({ script: { STOR: [openData(), send(MARK), receiveData(), () => all.open(), until(() => noticed.promise), send('226 Transfer complete.')] } });
    const stream = bench.client().stor('file');
    const noticed = gate();
    stream.end('hello');
    await all.promise;
    expect(stream).to.include({ writableEnded: true, writableFinished: false });
    noticed.open();
    await finished(stream);
  });

  it('that a 552 follows is an error, never finish', async () => {
    const { error, finish } = await put([openData(), send(MARK), receiveData(), send(REFUSAL)]);
    expect(error).to.be.instanceOf(PermanentError);
    expect(error).to.include({ phase: 'completion', bytesTransferred: 5, command: 'STOR file' });
    expect(error?.reply?.code).to.equal(552);
    expect(finish).to.equal(false);
    expect(bench.logins).to.equal(1);
  });

  it('whose 226 comes before our end is an error: the server cannot have had it all', async () => {
    await bench.serve();
    const ftp = bench.client();
    bench.server.script = { STOR: [openData(), send(MARK), send('226 Transfer complete.')] };
    const stream = ftp.stor('file');
    const early = replied(ftp, 226);
    stream.write('hel');
    const over = errorOf(stream);
    await early.promise;
    stream.end('lo');
    const error = await over;
    expect(error).to.be.instanceOf(TransferError);
    expect(error?.message).to.match(/^STOR file: the server ended the upload before we did: 226/);
    bench.server.script = {};
    expect(await ftp.pwd()).to.equal('/');
    expect(bench.logins).to.equal(1);
  });

  it('that the server refuses is its PermanentError', async () => {
    const { error } = await put('553 Could not create file.');
    expect(error).to.be.instanceOf(PermanentError);
    expect(error).to.include({ phase: 'command', bytesTransferred: 0 });
    expect(bench.logins).to.equal(1);
  });

  for (const [what, step] of [['ends', dataEnd()], ['resets', dataReset()]] as const) {
    for (const reply of [REFUSAL, '451 Local error in processing.']) {
      it(`whose data connection the server ${what} in the middle is the error of its ${reply.slice(0, 3)}`, async () => {
        const error = await putForEver(step, send(reply));
        expect(error).to.be.instanceOf(reply === REFUSAL ? PermanentError : TemporaryError);
        expect(error.reply?.code).to.equal(Number(reply.slice(0, 3)));
        expect(bench.logins).to.equal(1);
      });
    }

    it(`whose data connection the server ${what} in the middle is an error though it says 226`, async () => {
      const error = await putForEver(step, send('226 Transfer complete.'));
      expect(error).to.be.instanceOf(TransferError);
      expect(bench.logins).to.equal(1);
    });
  }

  it('whose data connection the server resets without a word is an error within the reply timeout', async () => {
    await bench.serve({ script: { STOR: [openData(), send(MARK), dataReset()] } });
    const ftp = bench.client({ replyTimeout: 150 });
    const error = await rejection(pipeline(endless(), ftp.stor('file')));
    expect(error.phase).to.equal('data');
    expect(await ftp.pwd()).to.equal('/');
  });

  it('that is given up between its end and the departure of its last byte ends by RST, never by FIN', async () => {
    const read = gate();
    const heard: string[] = [];
    await bench.serve({ script: { STOR: [openData(), send(MARK), until(read), hearEnd(heard), send('426 Failure reading network stream.')] } });
    const ftp = bench.client();
    const stream = ftp.stor('file');
    stream.end(Buffer.alloc(16 * 1024 * 1024)); // more than the kernel takes
    await once(stream, 'open');
    await bench.server.waitFor('STOR');
    stream.destroy();
    await bench.server.waitFor('ABOR');
    read.open();
    expect(await ftp.pwd()).to.equal('/');
    expect(heard).to.deep.equal(['RST']);
    expect(bench.logins).to.equal(1);
  });

  for (const [what, steps] of [
    ['a 125 in place of the 150', [openData(), send('125 Data connection already open.'), receiveData(), send('226 Done.')]],
    ['a 200 before the 150', [send('200 Command okay.'), openData(), send(MARK), receiveData(), send('226 Done.')]],
    ['a 250 in place of the 226', [openData(), send(MARK), receiveData(), send('250 Done.')]],
  ] as const) {
    it(`takes ${what}`, async () => {
      expect((await put(steps)).error).to.equal(undefined);
      expect(bench.server.read('/file').toString()).to.equal('hello');
    });
  }

  it('tells when it is open and what the server said last', async () => {
    await bench.serve();
    const stream = bench.client().stor('file');
    expect(stream).to.include({ pending: true, bytesWritten: 0 });
    const opened = once(stream, 'open') as Promise<[Reply]>;
    const replies = once(stream, 'reply') as Promise<[Reply]>;
    stream.end('hello');
    expect((await opened)[0].code).to.equal(150);
    expect(stream.pending).to.equal(false);
    expect((await replies)[0].code).to.equal(226);
    await finished(stream);
  });

  it('keeps what is before `start`', async () => {
    await bench.serve({ files: { '/file': '0123456789' } });
    const stream = bench.client().stor('file', { start: 8 });
    stream.end('abc');
    await finished(stream);
    expect(bench.server.read('/file').toString()).to.equal('01234567abc');
  });

  it('is not begun where REST is refused, so that nothing is overwritten', async () => {
    await bench.serve({ files: { '/file': '0123456789' }, script: { REST: '502 Not implemented.' } });
    const ftp = bench.client();
    const stream = ftp.stor('file', { start: 8 });
    stream.end('abc');
    expect(await errorOf(stream)).to.be.instanceOf(PermanentError);
    await ftp.noop();
    expect(bench.server.read('/file').toString()).to.equal('0123456789');
  });

  it('appends', async () => {
    await bench.serve({ files: { '/file': 'one' } });
    const ftp = bench.client();
    await pipeline(Readable.from([Buffer.from(' two')]), ftp.appe('file'));
    await pipeline(Readable.from([Buffer.from('new')]), ftp.appe('other'));
    expect(bench.server.read('/file').toString()).to.equal('one two');
    expect(bench.server.read('/other').toString()).to.equal('new');
  });

  it('tells the name that the server chose', async () => {
    await bench.serve();
    const stream = bench.client().stou();
    stream.end('hello');
    await finished(stream);
    expect(stream.storedAs).to.equal('STOU.1');
    expect(bench.server.read('/STOU.1').toString()).to.equal('hello');
  });

  it('takes the body of an HTTP request', async () => {
    await bench.serve();
    const body = content(3_000_000, 5);
    const ftp = bench.client();
    const http = createServer((incoming, response) => {
      pipeline(incoming, ftp.stor('body')).then(
        () => response.writeHead(201).end(),
        () => response.writeHead(502).end(),
      );
    });
    await once(http.listen(0, '127.0.0.1'), 'listening');
    try {
      const post = request({ host: '127.0.0.1', port: (http.address() as AddressInfo).port, method: 'POST', agent: false });
      const answered = once(post, 'response') as Promise<[import('node:http').IncomingMessage]>;
      await pipeline(Readable.from(chunksOf(body)), post);
      const [answer] = await answered;
      expect(answer.resume().statusCode).to.equal(201);
      await finished(answer);
    } finally {
      http.close();
    }
    expect(await sha256(bench.server.read('/body'))).to.equal(body.sha256);
  });

  it('whose HTTP request breaks off leaves no complete file behind', async () => {
    await bench.serve({ script: { STOR: [openData(), send(MARK), dataClosed(), send('426 Failure reading network stream.')] } });
    const ftp = bench.client();
    const ended = gate();
    let error: unknown;
    const http = createServer((incoming) => {
      pipeline(incoming, ftp.stor('body')).catch((reason: unknown) => {
        error = reason;
        ended.open();
      });
    });
    await once(http.listen(0, '127.0.0.1'), 'listening');
    try {
      const post = request({ host: '127.0.0.1', port: (http.address() as AddressInfo).port, method: 'POST', agent: false });
      post.on('error', () => undefined);
      post.write(Buffer.alloc(100_000));
      await bench.server.waitFor('STOR');
      post.destroy();
      await ended.promise;
    } finally {
      http.close();
    }
    expect(error).to.have.property('code', 'ECONNRESET');
    expect(await ftp.pwd()).to.equal('/');
    expect(bench.logins).to.equal(1);
  });

  it('from a download of the same client is refused at once', async () => {
    await bench.serve({ files: { '/file': 'x' } });
    const ftp = bench.client();
    const target = ftp.stor('copy');
    const error = errorOf(target);
    ftp.retr('file').pipe(target);
    expect(await error).to.include({ code: 'ERR_FTP_INVALID_ARGUMENT' });
    expect((await error)?.message).to.include('use a second client');
    const download = ftp.retr('file');
    expect((await rejection(pipeline(download, ftp.stor('copy')))).code).to.equal('ERR_FTP_INVALID_ARGUMENT');
    expect(await ftp.pwd()).to.equal('/');
    expect(bench.server.files.has('/copy')).to.equal(false);
  });

  it('from a download of another client copies the file', async () => {
    const file = content(2_000_000, 3);
    await bench.serve({ files: { '/file': file } });
    await pipeline(bench.client().retr('file'), bench.client().stor('copy'));
    expect(await sha256(bench.server.read('/copy'))).to.equal(file.sha256);
  });
});

/** 64 KiB again and again. */
function* endless(): Generator<Buffer> {
  for (;;) yield Buffer.alloc(65_536);
}
