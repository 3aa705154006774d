import { expect } from 'chai';
import { text } from 'node:stream/consumers';
import { LimitError } from '../../lib/errors';
import { data, dataEnd, openData, send } from '../support/server/steps';
import { poolScene } from './pool-scene';

const ENTRIES = 100_000;
const FILES = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`/f${index}`, `file ${index}`]));
const NAMES = Object.keys(FILES).map((path) => path.slice(1));
const LISTING = Array.from({ length: ENTRIES }, (_, index) => `type=file;size=1;modify=20260101000000; a-rather-long-name-${index}\r\n`).join('');
const MLSD = [openData(), send('150 here'), data(LISTING), dataEnd(), send('226 done')];

describe('a listing of a pool whose reader pauses', () => {
  const { stage, pool } = poolScene();
  const maxReadAheadBytes = 2 * 1024 * 1024;

  it('is larger than what may be read ahead', () => {
    expect(LISTING.length).to.be.above(3 * maxReadAheadBytes);
  });

  it('waits, beyond its first megabyte, while others get on', async () => {
    const server = await stage.serve({ files: FILES, script: { MLSD } });
    const ours = pool(server, { connections: 2, maxReadAheadBytes });
    let entries = 0;
    for await (const { type } of ours.list()) {
      if (entries++ % 30_000 === 0) expect(await Promise.all(NAMES.map((name) => text(ours.retr(name))))).to.deep.equal(Object.values(FILES));
      expect(type).to.equal('file');
    }
    expect(entries).to.equal(ENTRIES);
  });

  it('is read ahead as far as it may be where nobody else gets on', async () => {
    const server = await stage.serve({ files: FILES, script: { MLSD } });
    const ours = pool(server, { connections: 2, maxReadAheadBytes: 16 * 1024 * 1024 });
    for await (const _one of ours.list()) {
      let entries = 0;
      for await (const _other of ours.list()) {
        if (entries++ === 0) expect(await text(ours.retr('f1'))).to.equal('file 1');
      }
      expect(entries).to.equal(ENTRIES);
      break;
    }
  });

  it('is a LimitError where that is not enough', async () => {
    const server = await stage.serve({ files: FILES, script: { MLSD } });
    const ours = pool(server, { connections: 1, maxReadAheadBytes });
    const read = async (): Promise<void> => {
      for await (const _entry of ours.list()) await text(ours.retr('f1'));
    };
    expect(await read().catch((error: unknown) => error)).to.be.instanceOf(LimitError);
  });
});

describe('the listings of a pool', () => {
  const { stage, pool } = poolScene();

  it('are by LIST with `mlsd: false`', async () => {
    const server = await stage.serve({ files: { '/a/x': 'x', '/b/y': 'y' } });
    const ours = pool(server, { connections: 2, mlsd: false });
    const lists = await Promise.all(['a', 'b'].map((path) => ours.list(path).toArray()));
    expect(lists.flat().map(({ name }) => name)).to.deep.equal(['x', 'y']);
    expect(server.commands.filter((line) => /^(MLSD|LIST)/.test(line)).sort()).to.deep.equal(['LIST a', 'LIST b']);
  });

  it('remember for all connections what the server lacks', async () => {
    const server = await stage.serve({ files: { '/a/x': 'x', '/b/y': 'y' }, script: { MLSD: '503 Bad sequence.', EPSV: '200 OK.' } });
    const ours = pool(server, { connections: 2 });
    expect(await ours.list('a').toArray()).to.have.lengthOf(1);
    const asked = (verb: string): number => server.commands.filter((line) => line.startsWith(verb)).length;
    const before = [asked('MLSD'), asked('EPSV')];
    await Promise.all(['a', 'b', 'a', 'b'].map((path) => ours.list(path).toArray()));
    expect([asked('MLSD'), asked('EPSV')]).to.deep.equal(before);
    expect(asked('USER')).to.equal(2);
  });
});
