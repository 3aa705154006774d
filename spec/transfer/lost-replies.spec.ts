import { expect } from 'chai';
import { connect } from 'node:net';
import { type FTP, PermanentError, ProtocolError, type RetrStream, TemporaryError, TimeoutError } from '../../lib/index';
import { gate } from '../support/server/gate';
import { boundary, data, dataEnd, dataReset, normal, openData, send, until } from '../support/server/steps';
import { outcomeOf, received, rejection, useBench } from '../support/transfers';

describe('a transfer that the server says has failed, and then that it is complete', () => {
  const bench = useBench();

  for (const second of ['226 Done.', '250 Done.'] as const) {
    it(`by ${second.slice(0, 3)}, which no command after it takes for its reply`, async () => {
      await bench.serve({ files: { '/next': 'next' } });
      const ftp = await bench.warmClient();
      bench.server.script = { RETR: [[openData(), send('150 Opening.'), data('half'), dataReset(), send('426 Broken.'), boundary(), send(second)], [normal()]] };
      const failed = outcomeOf(ftp.retr('a'));
      const [missing, gone, next] = await Promise.all([rejection(ftp.delete('missing')), ftp.delete('next'), rejection(ftp.size('next'))]);
      expect((await failed).error).to.be.instanceOf(TemporaryError);
      expect([missing, next].map(({ reply }) => reply?.code)).to.deep.equal([550, 550]);
      expect(gone.code).to.equal(250);
      expect(bench.logins).to.equal(1);
    });
  }
});

/** pyftpdlib 1.5.7 with many clients now and then closes a data connection before RETR, and never answers that RETR. */
describe('a download whose final reply is lost by the server', () => {
  const bench = useBench();

  it('is not proved by the reply to the command after it', async () => {
    await bench.serve();
    const ftp = await bench.warmClient({ replyTimeout: 250 });
    bench.server.script = {
      RETR: [openData(), send('150 Opening.'), data('half'), dataEnd(), until(() => bench.server.waitFor('PWD')), send('257 "/" is the current directory')],
    };
    const [{ bytes, error }, pwd] = await Promise.all([outcomeOf(ftp.retr('a')), ftp.pwd().catch((reason: unknown) => reason)]);
    expect(bytes.toString()).to.equal('half');
    expect(error).to.be.instanceOf(ProtocolError); // by the second 257
    expect(pwd).to.equal('/');
  });

  it('is waited for before the next command when no byte came', async () => {
    await bench.serve();
    const ftp = await bench.warmClient({ replyTimeout: 250 });
    bench.server.script = { RETR: [openData(), dataEnd(), send('150 File status okay. About to open data connection.')] };
    const [{ error }, pwd] = await Promise.all([outcomeOf(ftp.retr('a')), ftp.pwd()]);
    expect(error).to.be.instanceOf(TimeoutError).and.include({ phase: 'completion', bytesTransferred: 0 });
    expect(pwd).to.equal('/');
    expect(bench.logins).to.equal(2);
  });

  it('is waited for no longer than replyTimeout when its data connection is reset before the mark', async () => {
    await bench.serve();
    let made = gate();
    let closed = gate();
    const ftp = await bench.warmClient({
      replyTimeout: 250,
      createConnection: ({ host, port, purpose }) => {
        const socket = connect({ host, port });
        if (purpose === 'data') socket.once('connect', (made = gate()).open).once('close', (closed = gate()).open);
        return socket;
      },
    });
    bench.server.script = { RETR: [openData(), until(() => made.promise), dataReset(), until(() => closed.promise), send('150 Opening.')] };
    const [{ error }, pwd] = await Promise.all([outcomeOf(ftp.retr('a')), ftp.pwd()]);
    expect(error).to.be.instanceOf(TimeoutError).and.include({ bytesTransferred: 0 }); // it is the silence that is told
    expect(pwd).to.equal('/');
    expect(bench.logins).to.equal(2);
  });

  it('is waited for no longer than replyTimeout after another mark', async () => {
    await bench.serve();
    const ftp = await bench.warmClient({ replyTimeout: 250 });
    const stream = ftp.retr('a');
    const half = received(stream, 4);
    const over = outcomeOf(stream);
    // Pure-FTPd 1.0.50 answers a reset so, and then nothing more.
    bench.server.script = { RETR: [openData(), send('150 Accepted data connection'), data('half'), until(half), dataReset(), send('150 0.001 seconds (measured here)')] };
    const { error } = await over;
    expect(error).to.be.instanceOf(TimeoutError).and.include({ bytesTransferred: 4 });
    expect(await ftp.pwd()).to.equal('/');
  });
});

/** A server that ends a transfer twice may say the second 226 when the next transfer has begun to wait for its mark. */
describe('a late 226 of an earlier transfer', () => {
  const bench = useBench();

  for (const [verb, start] of [
    ['RETR', (ftp: FTP) => ftp.retr('nothing')],
    ['LIST', (ftp: FTP) => ftp.dir('nothing')],
  ] as const) {
    it(`does not complete a ${verb} that the server refuses after it`, async () => {
      await bench.serve({ files: { '/file': 'hello' } });
      const ftp = await bench.warmClient();
      bench.server.script = { [verb]: [openData(), dataEnd(), send('226 Transfer complete.'), send('550 No such file.')] };
      const { error } = await outcomeOf(start(ftp) as RetrStream);
      expect(error).to.be.instanceOf(ProtocolError);
      bench.server.script = {};
      expect((await outcomeOf(ftp.retr('file'))).bytes.toString()).to.equal('hello');
      expect(bench.logins).to.equal(2);
    });

    it(`does not complete a ${verb} that the server begins after it`, async () => {
      await bench.serve({ files: { '/file': 'hello' } });
      const ftp = await bench.warmClient();
      bench.server.script = { [verb]: [openData(), dataEnd(), send('226 Transfer complete.'), send('150 Opening.'), send('426 Broken.')] };
      const { error } = await outcomeOf(start(ftp) as RetrStream);
      expect(error).to.be.instanceOf(ProtocolError);
      bench.server.script = {};
      expect((await outcomeOf(ftp.retr('file'))).bytes.toString()).to.equal('hello');
    });
  }
});

describe('a download that the server refuses', () => {
  const bench = useBench();

  for (const refusal of ['426 Connection closed; transfer aborted.', '451 Local error in processing.']) {
    it(`fails with ${refusal.slice(0, 3)} also where a 226 follows that ends no transfer`, async () => {
      await bench.serve();
      bench.server.write('/b', 'whole');
      const ftp = await bench.warmClient();
      bench.server.script = { RETR: [[openData(), send('150 Opening.'), () => void bench.mark(), data('half'), dataEnd(), until(() => bench.server.waitFor('EPSV')), send(refusal), send('226 Abort successful.')], [normal()]] };
      const [{ bytes, error }] = await Promise.all([outcomeOf(ftp.retr('a')), outcomeOf(ftp.retr('b'))]);
      expect(bytes.toString()).to.equal('half');
      expect(error).to.be.instanceOf(TemporaryError).with.nested.property('reply.code', Number(refusal.slice(0, 3)));
      expect((await outcomeOf(ftp.retr('b'))).bytes.toString()).to.equal('whole');
    });
  }

  it('fails with its reply also where the connection is reset before we hear that it was made', async () => {
    await bench.serve();
    const ftp = await bench.warmClient();
    bench.server.script = { RETR: [openData(), dataReset(), send('550 No such file.')] };
    for (let round = 0; round < 20; round++) {
      const { error } = await outcomeOf(ftp.retr('a'));
      expect(error).to.be.instanceOf(PermanentError).with.nested.property('reply.code', 550);
    }
    expect(bench.logins).to.equal(1);
  });
});
