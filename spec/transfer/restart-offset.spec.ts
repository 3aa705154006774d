import { expect } from 'chai';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { ConnectionClosedError, FTPPool, PermanentError, type FTP } from '../../lib/index';
import { gate, type Gate } from '../support/server/gate';
import { PERSONALITIES, type PersonalityName } from '../support/server/personalities';
import { data, dataClosed, normal, openData, send, until } from '../support/server/steps';
import { closing, outcomeOf, rejection, replied, useBench } from '../support/transfers';

const DIGITS = '0123456789';

/** Servers by what they do to an offset whose transfer never came. */
const SERVERS: readonly PersonalityName[] = ['restartStays', 'restartStaysUntilDone'];

describe('a restart offset that was not used', () => {
  const bench = useBench();

  /** A client that has sent REST 5, and left before the command that it was for. */
  async function leaveAfterRest(name: PersonalityName, rest: Gate = gate()): Promise<FTP> {
    await bench.serve({ files: { '/digits': DIGITS, '/old': 'old' }, ...PERSONALITIES[name], script: { REST: [[until(rest), normal()], [normal()]] } });
    const ftp = await bench.warmClient();
    const stream = ftp.retr('digits', { start: 5 });
    stream.read(0);
    await bench.server.waitFor('REST');
    const closed = closing(stream);
    stream.destroy();
    await closed;
    rest.open();
    return ftp;
  }

  for (const name of SERVERS) {
    it(`makes no hole in the next upload (${name})`, async () => {
      const ftp = await leaveAfterRest(name);
      await put(ftp, 'old', 'hello');
      expect(bench.server.read('/old').toString()).to.equal('hello');
      await put(ftp, 'new', 'hello');
      expect(bench.server.read('/new').toString('hex')).to.equal(Buffer.from('hello').toString('hex'));
      expect(bench.transcript).to.not.include('RETR digits');
    });

    it(`takes nothing off the next download (${name})`, async () => {
      const ftp = await leaveAfterRest(name);
      for (let round = 0; round < 2; round++) {
        const { bytes, error } = await outcomeOf(ftp.retr('digits'));
        expect([bytes.toString(), error]).to.deep.equal([DIGITS, undefined]);
      }
    });

    it(`is replaced by the offset of the next transfer (${name})`, async () => {
      const ftp = await leaveAfterRest(name);
      expect((await outcomeOf(ftp.retr('digits', { start: 8 }))).bytes.toString()).to.equal('89');
    });

    it(`does not outlive the refusal of the RETR that it was for (${name})`, async () => {
      await bench.serve({ files: { '/digits': DIGITS }, ...PERSONALITIES[name] });
      const ftp = await bench.warmClient();
      const { error } = await outcomeOf(ftp.retr('missing', { start: 5 }));
      expect(error).to.be.instanceOf(PermanentError);
      await put(ftp, 'new', 'hello');
      expect(bench.server.read('/new').toString()).to.equal('hello');
      expect((await outcomeOf(ftp.retr('digits'))).bytes.toString()).to.equal(DIGITS);
    });

    it(`does not outlive the RETR that it was for, where that is aborted (${name})`, async () => {
      await bench.serve({ files: { '/big': 'big', '/digits': DIGITS }, ...PERSONALITIES[name] });
      const ftp = await bench.warmClient();
      bench.server.script = { RETR: [openData(), send('150 Here.'), data('half'), dataClosed(), send('426 Aborted.')] };
      for await (const chunk of ftp.retr('big', { start: 5 })) if (chunk) break;
      bench.server.script = {};
      await put(ftp, 'new', 'hello');
      expect(bench.server.read('/new').toString()).to.equal('hello');
      expect((await outcomeOf(ftp.retr('digits'))).bytes.toString()).to.equal(DIGITS);
    });
  }

  it('costs the connection where REST 0 is refused: the next transfer is made on another', async () => {
    const ftp = await leaveAfterRest('restartStays');
    bench.server.script = { REST: '502 Only once.' };
    await put(ftp, 'new', 'hello');
    expect(bench.server.read('/new').toString()).to.equal('hello');
    expect(bench.logins).to.equal(2);
  });

  it('costs the connection where REST 0 is refused, and one that was made by hand is not made again', async () => {
    await bench.serve({ files: { '/digits': DIGITS }, ...PERSONALITIES.restartStays });
    const ftp = bench.client();
    await ftp.connect();
    await ftp.login();
    expect((await outcomeOf(ftp.retr('missing', { start: 5 }))).error).to.be.instanceOf(PermanentError);
    bench.server.script = { REST: '502 Only once.' };
    const error = await rejection(put(ftp, 'new', 'hello'));
    expect(error).to.be.instanceOf(ConnectionClosedError);
    expect(error.message).to.match(/not connected: a restart offset may be set, and REST 0 is refused/);
    expect(() => bench.server.read('/new')).to.throw();
    await bench.server.deserted();
  });

  it('is left alone by plain commands, which begin nowhere', async () => {
    const ftp = await leaveAfterRest('restartStays');
    await ftp.pwd();
    await ftp.size('digits');
    expect(bench.transcript.filter((line) => line.startsWith('REST'))).to.deep.equal(['REST 5']);
  });

  it('costs nothing where no offset was ever sent', async () => {
    await bench.serve({ files: { '/digits': DIGITS } });
    const ftp = await bench.warmClient();
    await outcomeOf(ftp.retr('digits'));
    await outcomeOf(ftp.retr('missing'));
    for await (const chunk of ftp.retr('digits')) if (chunk) break;
    await outcomeOf(ftp.retr('digits'));
    expect(bench.transcript.filter((line) => line.startsWith('REST'))).to.deep.equal([]);
  });

  it('of one part of a segmented get that fails does not move the uploads that follow on the pool', async () => {
    const rest = gate();
    await bench.serve({ files: { '/big': Buffer.alloc(1_000_000, 'a') }, ...PERSONALITIES.restartStays });
    const { server } = bench;
    const pool = new FTPPool({ host: server.host, port: server.port, user: 'user', password: 'secret', connections: 2 });
    const local = await mkdtemp(join(tmpdir(), 'ftplib-segments-'));
    try {
      await Promise.all([outcomeOf(pool.retr('big')), outcomeOf(pool.retr('big'))]);
      // The part from byte 0 on is refused while the other waits for the reply to its REST.
      server.script = {
        REST: [[until(rest), normal()], [normal()]],
        RETR: (session) => (session.restart === 0 ? session.reply('550 Not for you.') : session.normal()),
      };
      const failed = rejection(pool.get('big', join(local, 'big'), { segments: 2, retry: false }));
      await server.waitFor('REST');
      await failed.finally(rest.open);
      expect(await readdir(local)).to.deep.equal([]);
      server.script = {};
      await Promise.all(['one', 'two'].map((name) => pipeline(Readable.from(['hello']), pool.stor(name))));
      for (const name of ['/one', '/two']) expect(server.read(name).toString()).to.equal('hello');
    } finally {
      pool.close();
      await rm(local, { recursive: true });
    }
  });
});

describe('a restart offset of the caller’s own', () => {
  const bench = useBench();

  for (const name of ['restartStaysUntilDone', undefined] as const) {
    it(`counts for his next transfer, and for no other${name ? ` (${name})` : ''}`, async () => {
      await bench.serve({ files: { '/digits': DIGITS }, ...(name ? PERSONALITIES[name] : {}) });
      const ftp = await bench.warmClient();
      for (const retr of [() => ftp.retrbinary('RETR digits'), () => ftp.retr('digits')]) {
        expect((await ftp.sendcmd('REST 7')).code).to.equal(350);
        expect((await outcomeOf(retr())).bytes.toString()).to.equal('789');
        expect((await outcomeOf(retr())).bytes.toString()).to.equal(DIGITS);
      }
    });
  }

  it('counts for his next upload', async () => {
    await bench.serve({ files: { '/digits': DIGITS } });
    const ftp = await bench.warmClient();
    await ftp.sendcmd('REST 7');
    await pipeline(Readable.from(['abc']), ftp.storbinary('STOR digits'));
    expect(bench.server.read('/digits').toString()).to.equal('0123456abc');
  });

  it('is over with a transfer that was left: the next begins at the first byte', async () => {
    await bench.serve({ files: { '/big': 'big', '/digits': DIGITS }, ...PERSONALITIES.restartStays });
    const ftp = await bench.warmClient();
    await ftp.sendcmd('REST 7');
    bench.server.script = { RETR: [openData(), send('150 Here.'), data('half'), dataClosed(), send('426 Aborted.')] };
    for await (const chunk of ftp.retr('digits')) if (chunk) break;
    bench.server.script = {};
    expect((await outcomeOf(ftp.retr('digits'))).bytes.toString()).to.equal(DIGITS);
  });
});

describe('a transfer type that was interrupted', () => {
  const bench = useBench();

  it('is set again before the next transfer: a file has the bytes that it has', async () => {
    const typed = gate();
    await bench.serve({ files: { '/lines': 'one\ntwo\n' } });
    const ftp = await bench.warmClient();
    bench.server.script = { TYPE: [[until(typed), normal()], [normal()]] };
    const stream = ftp.dir();
    stream.read(0);
    await bench.server.waitFor('TYPE');
    const closed = closing(stream);
    stream.destroy();
    await closed;
    typed.open();
    expect((await outcomeOf(ftp.retr('lines'))).bytes.toString()).to.equal('one\ntwo\n');
    expect(await ftp.nlst().toArray()).to.include('lines');
  });

  it('is set again where a transfer in the other type was left with its replies', async () => {
    await bench.serve({ files: { '/lines': 'one\ntwo\n' } });
    const ftp = await bench.warmClient();
    const begun = replied(ftp, 150);
    bench.server.script = { RETR: [openData(), send('150 Here.'), dataClosed(), send('426 Aborted.')] };
    const stream = ftp.retrlines('RETR lines');
    stream.read(0);
    await begun.promise;
    const closed = once(stream, 'close');
    stream.destroy();
    await closed;
    bench.server.script = {};
    expect((await outcomeOf(ftp.retr('lines'))).bytes.toString()).to.equal('one\ntwo\n');
  });
});

async function put(ftp: FTP, name: string, bytes: string): Promise<void> {
  const stream = ftp.stor(name);
  stream.end(bytes);
  await finished(stream);
}
