import { expect } from 'chai';
import { once } from 'node:events';
import { PermanentError, ReplyError, TemporaryError, TimeoutError, TransferError, type FTPError, type Reply } from '../../lib/index';
import type { Script } from '../support/server/script';
import { boundary, data, dataEnd, dataReset, hangUp, openData, send, silence, until } from '../support/server/steps';
import { outcomeOf, received, rejection, replied, useBench } from '../support/transfers';

const DONE = send('226 Transfer complete.');
const MARK = '150 Opening BINARY mode data connection for file (1000000 bytes).';

describe('a download', () => {
  const bench = useBench();

  async function fetch(RETR: Script[string], start = 0) {
    await bench.serve({ script: { RETR } });
    const ftp = bench.client();
    const stream = ftp.retr('file', { start });
    const outcome = await outcomeOf(stream);
    expect(await ftp.pwd()).to.equal('/');
    return { ...outcome, stream, text: outcome.bytes.toString() };
  }

  it('of half a file that a 426 follows is an error', async () => {
    const half = Buffer.alloc(500_000);
    const { error, bytes } = await fetch([openData(), send(MARK), data(half), dataEnd(), send('426 Connection closed; transfer aborted.')]);
    expect(error).to.be.instanceOf(TemporaryError);
    expect(error).to.include({ code: 'ERR_FTP_TEMPORARY', bytesTransferred: 500_000, expectedBytes: 1_000_000, command: 'RETR file' });
    expect(error?.reply?.code).to.equal(426);
    expect(bytes.length).to.be.at.most(500_000);
    expect(bench.logins).to.equal(1);
  });

  it('of half a file that a 226 follows is an error with both counts', async () => {
    const { error } = await fetch([openData(), send(MARK), data(Buffer.alloc(500_000)), dataEnd(), DONE]);
    expect(error).to.be.instanceOf(TransferError);
    expect(error).to.include({ bytesTransferred: 500_000, expectedBytes: 1_000_000, phase: 'data' });
    expect(error?.message).to.equal('RETR file: the server said it was done after 500000 of 1000000 bytes');
    expect(bench.logins).to.equal(1);
  });

  it('of half a file that a reset follows is an error whatever the reply says', async () => {
    const { error } = await fetch([openData(), send('150 Here it comes.'), data(Buffer.alloc(500_000)), dataReset(), DONE]);
    expect(error).to.be.instanceOf(TransferError);
    expect(error).to.include({ phase: 'data' });
  });

  it('whose 226 comes before its first byte is whole', async () => {
    await bench.serve();
    const ftp = bench.client();
    bench.server.script = { RETR: [openData(), send('150 Opening (5 bytes).'), DONE, until(replied(ftp, 226)), data('hello'), dataEnd()] };
    const { bytes, error } = await outcomeOf(ftp.retr('file'));
    expect(error).to.equal(undefined);
    expect(bytes.toString()).to.equal('hello');
  });

  it('of all bytes from a server that then falls silent is a TimeoutError', async () => {
    await bench.serve({ script: { RETR: [openData(), send('150 Opening (5 bytes).'), data('hello'), dataEnd(), silence()] } });
    const { bytes, error } = await outcomeOf(bench.client({ replyTimeout: 100 }).retr('file'));
    expect(bytes.toString()).to.equal('hello');
    expect(error).to.be.instanceOf(TimeoutError);
    expect(error).to.include({ bytesTransferred: 5, expectedBytes: 5, phase: 'completion' });
  });

  it('of all bytes from a server that hangs up instead of a 226 is an error', async () => {
    await bench.serve();
    const ftp = bench.client();
    const stream = ftp.retr('file');
    bench.server.script = { RETR: [openData(), send('150 Opening (5 bytes).'), data('hello'), until(received(stream, 5)), dataEnd(), hangUp()] };
    const { error } = await outcomeOf(stream);
    expect(await ftp.pwd()).to.equal('/');
    expect(error).to.include({ code: 'ERR_FTP_CONNECTION_CLOSED', bytesTransferred: 5 });
    expect(bench.logins).to.equal(2);
  });

  for (const [what, steps] of [
    ['a 125 in place of the 150', [openData(), send('125 Data connection already open.'), data('hello'), dataEnd(), DONE]],
    ['a 120 before the 150', [send('120 In a minute.'), openData(), send('150 Opening.'), data('hello'), dataEnd(), DONE]],
    ['a 110 alone', [send('110 MARK here = there'), openData(), data('hello'), dataEnd(), DONE]],
    ['a 200 before the 150', [send('200 Command okay.'), openData(), send('150 Opening.'), data('hello'), dataEnd(), DONE]],
    ['two marks', [openData(), send('150 Opening.'), send('150 Still opening.'), data('hello'), dataEnd(), DONE]],
    ['a 226 and no mark', [openData(), data('hello'), dataEnd(), DONE]],
    ['a 226 before the data and no mark', [openData(), DONE, boundary(), data('hello'), dataEnd()]],
    ['a 250 in place of the 226', [openData(), send('150 Opening.'), data('hello'), dataEnd(), send('250 Requested file action okay.')]],
    ['more bytes than announced', [openData(), send('150 Opening BINARY mode data connection for file (3 bytes).'), data('hello'), dataEnd(), DONE]],
    ['a size in kbytes, which is none', [openData(), send('150 123.4 kbytes to download'), data('hello'), dataEnd(), DONE]],
    ['a size in kbytes in brackets, which is none', [openData(), send('150 Opening (97 kbytes).'), data('hello'), dataEnd(), DONE]],
    ['no size', [openData(), send('150 Opening.'), data('hello'), dataEnd(), DONE]],
  ] as const) {
    it(`takes ${what}`, async () => {
      const { text, error } = await fetch(steps);
      expect(error).to.equal(undefined);
      expect(text).to.equal('hello');
      expect(bench.logins).to.equal(1);
    });
  }

  it('takes the size of a 150, and not that in the name of its file', async () => {
    await bench.serve({ script: { RETR: [openData(), send('150 Opening BINARY mode data connection for a (5000 bytes) b.'), data('hello'), dataEnd(), DONE] } });
    const stream = bench.client().retr('a (5000 bytes) b');
    const { error } = await outcomeOf(stream);
    expect(error).to.equal(undefined);
    expect(stream.expectedBytes).to.equal(undefined);
  });

  it('takes the size after a name that has one, too', async () => {
    await bench.serve({ files: { '/a (5000 bytes) b': 'hello' } });
    const stream = bench.client().retr('a (5000 bytes) b');
    const { error } = await outcomeOf(stream);
    expect(error).to.equal(undefined);
    expect(stream.expectedBytes).to.equal(5);
  });

  for (const [what, announced] of [['the whole size', 10], ['what is left of it', 4]] as const) {
    it(`after REST takes ${what}`, async () => {
      const { text, error } = await fetch([openData(), send(`150 Opening (${announced} bytes).`), data('6789'), dataEnd(), DONE], 6);
      expect(error).to.equal(undefined);
      expect(text).to.equal('6789');
    });

    it(`after REST misses bytes where the server announced ${what}`, async () => {
      const { error } = await fetch([openData(), send(`150 Opening (${announced} bytes).`), data('678'), dataEnd(), DONE], 6);
      expect(error).to.be.instanceOf(TransferError);
      expect(error).to.include({ bytesTransferred: 3, expectedBytes: announced });
    });
  }

  it('that the server refuses is its PermanentError, and costs nothing else', async () => {
    await bench.serve({ files: { '/there': 'x' } });
    const ftp = bench.client();
    const { error } = await outcomeOf(ftp.retr('missing'));
    expect(error).to.be.instanceOf(PermanentError);
    expect(error).to.include({ phase: 'command', command: 'RETR missing', bytesTransferred: 0 });
    expect(error?.message).to.match(/^RETR missing: 550 /);
    expect((await outcomeOf(ftp.retr('there'))).bytes.toString()).to.equal('x');
    expect(bench.logins).to.equal(1);
  });

  it('that finds no data connection is the server’s TemporaryError', async () => {
    const { error } = await fetch('425 Failed to establish connection.');
    expect(error).to.be.instanceOf(TemporaryError);
    expect(error).to.include({ phase: 'command' });
  });

  it('that the server answers with 3yz is a ReplyError', async () => {
    const { error } = await fetch('350 What else?');
    expect(error).to.be.instanceOf(ReplyError).and.not.instanceOf(PermanentError);
  });

  it('that a 421 answers ends the session, and the next verb begins another', async () => {
    const { error } = await fetch([send('421 Too many users.'), hangUp()]);
    expect(error).to.be.instanceOf(TemporaryError);
    expect(bench.logins).to.equal(2);
  });

  it('is not begun where REST is refused', async () => {
    await bench.serve({ files: { '/file': '0123456789' }, script: { REST: '502 Not implemented.' } });
    const ftp = bench.client();
    const { error, bytes } = await outcomeOf(ftp.retr('file', { start: 5 }));
    expect(error).to.be.instanceOf(PermanentError);
    expect(bytes.length).to.equal(0);
    expect(bench.server.commands).to.not.include('RETR file');
    expect((await outcomeOf(ftp.retr('file'))).bytes.toString()).to.equal('0123456789');
  });

  it('tells when it is open, what it expects, and what the server said last', async () => {
    await bench.serve({ files: { '/file': 'hello' } });
    const stream = bench.client().retr('file');
    expect(stream).to.include({ pending: true, bytesRead: 0, expectedBytes: undefined });
    const opened = once(stream, 'open') as Promise<[Reply]>;
    const replies = once(stream, 'reply') as Promise<[Reply]>;
    const over = outcomeOf(stream);
    expect((await opened)[0].code).to.equal(150);
    expect(stream).to.include({ pending: false, expectedBytes: 5 });
    expect((await replies)[0].code).to.equal(226);
    await over;
    expect(stream).to.include({ bytesRead: 5, readableEnded: true });
  });

  it('gives no byte of an error to a reader who did not ask for it: bytesRead tells how many came', async () => {
    await bench.serve();
    const stream = bench.client().retr('file');
    bench.server.script = { RETR: [openData(), send('150 Opening (10 bytes).'), data('hello'), until(received(stream, 5)), dataEnd(), send('451 Disk error.')] };
    const { error, bytes } = await outcomeOf(stream);
    expect(bytes.toString()).to.equal('hello');
    expect(error).to.include({ bytesTransferred: 5, expectedBytes: 10, code: 'ERR_FTP_TEMPORARY' });
  });

  for (const [name, start, end] of [['negative start', -1, undefined], ['fractional start', 1.5, undefined], ['end before start', 5, 4], ['start that is no number', NaN, undefined]] as const) {
    it(`with a ${name} is refused at once`, async () => {
      await bench.serve();
      const ftp = bench.client();
      expect(() => ftp.retr('file', { start, ...(end === undefined ? {} : { end }) })).to.throw().with.property('code', 'ERR_FTP_INVALID_ARGUMENT');
      expect(bench.server.commands).to.deep.equal([]);
    });
  }

  it('of a name with a line end is refused at once', async () => {
    await bench.serve();
    const ftp = bench.client();
    for (const name of ['a\r\nDELE b', 'a\nDELE b', 'a\0b', '']) expect(() => ftp.retr(name), JSON.stringify(name)).to.throw().with.property('code', 'ERR_FTP_INVALID_ARGUMENT');
    expect(bench.server.commands).to.deep.equal([]);
  });

  it('from a client that is closed fails, and so does every other', async () => {
    await bench.serve({ script: { RETR: [openData(), send('150 Opening.'), silence()] } });
    const ftp = bench.client();
    const running = ftp.retr('file');
    const failures = [running, ftp.retr('next')].map(async (stream) => (await outcomeOf(stream)).error as FTPError);
    const verb = rejection(ftp.pwd());
    await once(running, 'open');
    ftp.close();
    for (const error of [...(await Promise.all(failures)), await verb]) expect(error).to.include({ code: 'ERR_FTP_CONNECTION_CLOSED' });
  });

  it('that asks for nothing sends nothing', async () => {
    await bench.serve({ files: { '/file': 'x' } });
    const ftp = await bench.warmClient();
    ftp.retr('file');
    await ftp.noop();
    expect(bench.transcript).to.deep.equal(['NOOP']);
  });
});
