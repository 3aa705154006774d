import { expect } from 'chai';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { PermanentError } from '../../lib/index';
import { data, dataEnd, openData, send } from '../support/server/steps';
import { closing, outcomeOf, rejection, useBench } from '../support/transfers';

/** What was thrown in the callback's time without anybody to catch it; else mocha would take it for the test's own. */
async function uncaughtIn(callback: () => Promise<void>): Promise<unknown[]> {
  const thrown: unknown[] = [];
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException').on('uncaughtException', (error) => void thrown.push(error));
  try {
    await callback();
    await new Promise(setImmediate);
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const listener of others) process.on('uncaughtException', listener);
  }
  return thrown;
}

const MINE = new Error('an error in the program');

function fail(): never {
  throw MINE;
}

describe('a listener that throws', () => {
  const bench = useBench();

  for (const event of ['command', 'reply'] as const) {
    it(`at ${event} is uncaught, and each promise gets its own reply`, async () => {
      await bench.serve({ files: { '/a': '', '/b': '' } });
      const ftp = await bench.warmClient();
      ftp.once(event, fail);
      const thrown = await uncaughtIn(async () => {
        const [a, missing, b] = await Promise.all([ftp.delete('a'), rejection(ftp.delete('missing')), ftp.delete('b')]);
        expect([a.code, b.code]).to.deep.equal([250, 250]);
        expect(missing).to.be.instanceOf(PermanentError);
      });
      expect(thrown).to.deep.equal([MINE]);
      expect(bench.transcript).to.deep.equal(['DELE a', 'DELE missing', 'DELE b']);
    });
  }

  it('at close is uncaught, and the client connects again', async () => {
    await bench.serve();
    const ftp = await bench.warmClient();
    ftp.once('close', fail);
    const thrown = await uncaughtIn(async () => {
      bench.server.script = { NOOP: [(session) => session.control.hangUp()] };
      await rejection(ftp.noop());
      expect(await ftp.pwd()).to.equal('/');
    });
    expect(thrown).to.deep.equal([MINE]);
  });

  for (const event of ['open', 'reply'] as const) {
    it(`at ${event} of a stream is uncaught, and the transfer goes on`, async () => {
      await bench.serve({ files: { '/a': 'bytes' } });
      const ftp = await bench.warmClient();
      const thrown = await uncaughtIn(async () => {
        const { bytes, error } = await outcomeOf(ftp.retr('a').once(event, fail));
        expect(error).to.equal(undefined);
        expect(bytes.toString()).to.equal('bytes');
        const upload = ftp.stor('b').once(event, fail);
        upload.end('more');
        await Promise.all([finished(upload), closing(upload)]);
      });
      expect(thrown).to.deep.equal([MINE, MINE]);
      expect(bench.server.read('/b').toString()).to.equal('more');
      expect(bench.logins).to.equal(1);
    });
  }

  /** A folder with a line that is none, and a name that is a path. */
  const listing = [openData(), send('150 Here.'), data('garbage\r\ntype=file;size=1; a\r\ntype=file; b/c\r\n'), dataEnd(), send('226 Done.')];

  it('at unparsed, unreadable and look is uncaught, and the listing is whole', async () => {
    await bench.serve({ files: { '/a': 'a' }, script: { MLSD: listing } });
    const ftp = await bench.warmClient();
    const thrown = await uncaughtIn(async () => {
      for (const list of [ftp.list(), ftp.mlsd()]) expect((await list.on('unparsed', fail).toArray()).map(({ name }) => name)).to.deep.equal(['a', 'b/c']);
      expect((await ftp.walk().on('unreadable', fail).toArray()).map(({ path }) => path)).to.deep.equal(['a']);
      for await (const { path } of ftp.watch('', { settle: 0, interval: 100 }).on('unreadable', fail).on('look', fail)) {
        expect(path).to.equal('a');
        break;
      }
    });
    expect(new Set(thrown)).to.deep.equal(new Set([MINE]));
    expect(thrown.length).to.be.at.least(2 + 2 + 3);
    expect(await text(ftp.retr('a'))).to.equal('a');
    expect(bench.logins).to.equal(1);
  });
});
