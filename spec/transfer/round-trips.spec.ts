import { expect } from 'chai';
import type { Socket } from 'node:net';
import { finished } from 'node:stream/promises';
import type { FTP } from '../../lib/index';
import { gate } from '../support/server/gate';
import { FEATURES } from '../support/server/server-options';
import { data, dataEnd, openData, receiveData, send, until } from '../support/server/steps';
import { dialAfter, outcomeOf, received, useBench } from '../support/transfers';

const FILES = { '/a': 'aaa', '/b': 'bbb', '/c': 'ccc' };

describe('what leaves, and when', () => {
  const bench = useBench();

  async function fetch(ftp: FTP, path: string): Promise<string> {
    const { bytes, error } = await outcomeOf(ftp.retr(path));
    if (error) throw error;
    return bytes.toString();
  }

  it('a session: TYPE only when it changes, OPTS and FEAT once', async () => {
    await bench.serve({ files: FILES });
    const ftp = bench.client();
    await fetch(ftp, 'a');
    await fetch(ftp, 'b');
    await ftp.dir().toArray();
    await ftp.nlst().toArray();
    await fetch(ftp, 'c');
    const upload = ftp.stor('d');
    upload.end('ddd');
    await finished(upload);
    await ftp.quit();
    expect(bench.server.commands).to.deep.equal([
      ...['USER user', 'PASS secret', 'FEAT', 'TYPE I', 'EPSV', 'OPTS UTF8 ON', 'RETR a'],
      ...['EPSV', 'RETR b'],
      ...['TYPE A', 'EPSV', 'LIST'],
      ...['EPSV', 'NLST'],
      ...['TYPE I', 'EPSV', 'RETR c'],
      ...['EPSV', 'STOR d'],
      'QUIT',
    ]);
  });

  it('TYPE leaves in the same write as EPSV, and SIZE as its own TYPE', async () => {
    await bench.serve({ files: FILES });
    const ftp = await bench.warmClient();
    const writes = watchWrites(bench.server.sessions);
    await ftp.dir().toArray();
    await ftp.noop();
    expect(await ftp.size('a')).to.equal(3);
    expect(writes.filter((write) => /TYPE/.test(write))).to.deep.equal(['TYPE A|EPSV', 'TYPE I|SIZE a']);
  });

  for (const [verb, features] of [['MLSD', FEATURES], ['LIST', FEATURES.filter((feature) => feature !== 'MLST')]] as const) {
    it(`a session that begins with a listing: FEAT leaves beside EPSV, and decides for ${verb}`, async () => {
      await bench.serve({ files: { '/sub/a': 'aaa' }, features });
      const ftp = bench.client();
      await ftp.voidcmd('NOOP'); // logs in, and asks nothing
      const writes = watchWrites(bench.server.sessions);
      expect(await ftp.list('sub').toArray()).to.have.lengthOf(1);
      expect(writes).to.deep.equal(['FEAT|TYPE A|EPSV', 'OPTS UTF8 ON', `${verb} sub`]);
    });
  }

  it('the first data connection is made before its command leaves', async () => {
    await bench.serve({ files: FILES });
    const made = gate();
    const ftp = bench.client({ createConnection: dialAfter(() => made.promise) });
    const file = fetch(ftp, 'a');
    await bench.server.waitFor('EPSV');
    await turns();
    expect(bench.server.commands).to.not.include('RETR a');
    made.open();
    expect(await file).to.equal('aaa');
  });

  it('a later command leaves while its data connection is still being made', async () => {
    await bench.serve({ files: FILES });
    const order: string[] = [];
    let hold: Promise<unknown> = Promise.resolve();
    const ftp = bench.client({ createConnection: dialAfter(() => hold, () => order.push('connect')) });
    expect(await fetch(ftp, 'a')).to.equal('aaa');
    bench.mark();
    order.length = 0;
    bench.server.on('command', (line: string) => order.push(line));
    hold = bench.server.waitFor('RETR');
    expect(await fetch(ftp, 'b')).to.equal('bbb');
    expect(order).to.deep.equal(['EPSV', 'RETR b', 'connect']);
  });

  it('the next EPSV leaves when the data have ended, without waiting for the 226', async () => {
    await bench.serve();
    const ftp = await bench.warmClient();
    bench.server.script = { RETR: [[openData(), send('150 Opening.'), data('aaa'), dataEnd(), until(() => next), send('226 Done.')], [(session) => session.normal()]] };
    bench.server.write('/b', 'bbb');
    const next = bench.server.waitFor('EPSV', bench.server.commands.length + 1);
    expect(await Promise.all([fetch(ftp, 'a'), fetch(ftp, 'b')])).to.deep.equal(['aaa', 'bbb']);
    expect(bench.transcript).to.deep.equal(['EPSV', 'RETR a', 'EPSV', 'RETR b']);
  });

  for (const [name, verb, line] of [
    ['list', 'MLSD', 'type=file;size=1; a'],
    ['mlsd', 'MLSD', 'type=file;size=1; a'],
    ['list', 'LIST', '-rw-r--r-- 1 ftp ftp 1 Jan 1 2020 a'],
    ['nlst', 'NLST', 'a'],
  ] as const) {
    it(`the next EPSV leaves when the lines of ${name} have ended, without waiting for the 226 (${verb})`, async () => {
      await bench.serve({ files: FILES, ...(verb === 'LIST' ? { features: [] } : {}) });
      const ftp = await bench.warmClient();
      await ftp.dir().toArray(); // TYPE A
      bench.mark();
      const next = bench.server.waitFor('EPSV', bench.server.commands.length + 1);
      bench.server.script = { [verb]: [[openData(), send('150 Opening.'), data(`${line}\r\n`), dataEnd(), until(() => next), send('226 Done.')], [(session) => session.normal()]] };
      const [entries] = await Promise.all([ftp[name]('.').toArray(), ftp.dir().toArray()]);
      expect(entries).to.have.lengthOf(1);
      expect(bench.transcript).to.deep.equal(['EPSV', `${verb} .`, 'EPSV', 'LIST']);
    });
  }

  it('nothing leaves before the end of a listing where no transfer has ended with 226 or 250 so far: it could not be told', async () => {
    await bench.serve({ files: FILES, script: { MLSD: [openData(), send('150 Opening.'), data('type=file;size=1; a\r\n'), dataEnd(), until(turns), send('200 Listing completed.')] } });
    const ftp = bench.client();
    for (let round = 0; round < 3; round++) {
      const [entries, size] = await Promise.all([ftp.list('.').toArray(), ftp.size('a')]);
      expect([entries.length, size]).to.deep.equal([1, 3]);
    }
  });

  it('nothing leaves before the 226 of a listing that is to be looked at again: no entry came of it', async () => {
    await bench.serve({ files: FILES, features: [] });
    const ftp = await bench.warmClient();
    let early: string[] = [];
    bench.server.script = { LIST: [openData(), send('150 Opening.'), data('total 0\r\n'), dataEnd(), until(turns), () => void (early = [...bench.transcript]), send('226 Done.')] };
    await Promise.all([ftp.list('a').toArray(), ftp.noop()]);
    expect(early).to.deep.equal(['TYPE A', 'EPSV', 'LIST a']);
    expect(bench.transcript.at(-1)).to.equal('NOOP');
  });

  it('nor before the way back from the folder that was entered for it', async () => {
    await bench.serve({ files: { '/a b/c': 'ccc' }, features: [] });
    const ftp = await bench.warmClient();
    await Promise.all([ftp.list('a b').toArray(), ftp.noop()]);
    expect(bench.transcript).to.deep.equal(['PWD', 'CWD a b', 'TYPE A', 'EPSV', 'LIST', 'CWD /', 'NOOP']);
  });

  it('after an upload nothing leaves before its 226', async () => {
    await bench.serve();
    const ftp = await bench.warmClient();
    let early: string[] = [];
    bench.server.script = {
      STOR: [openData(), send('150 Go on.'), receiveData(), until(turns), () => void (early = [...bench.transcript]), send('226 Done.')],
    };
    const upload = ftp.stor('up');
    upload.end('x');
    await Promise.all([finished(upload), ftp.noop()]);
    expect(early).to.deep.equal(['EPSV', 'STOR up']);
    expect(bench.transcript).to.deep.equal(['EPSV', 'STOR up', 'NOOP']);
  });

  it('between RETR and the end of its data nothing leaves', async () => {
    await bench.serve();
    const ftp = await bench.warmClient();
    let early: string[] = [];
    const stream = ftp.retr('a');
    bench.server.script = {
      RETR: [openData(), send('150 Opening.'), data('aaa'), until(received(stream, 3)), until(turns), () => void (early = [...bench.transcript]), dataEnd(), send('226 Done.')],
    };
    await Promise.all([outcomeOf(stream), ftp.noop(), ftp.pwd()]);
    expect(early).to.deep.equal(['EPSV', 'RETR a']);
  });

  it('REST leaves right before its command, behind EPSV', async () => {
    await bench.serve({ files: FILES });
    const ftp = await bench.warmClient();
    await outcomeOf(ftp.retr('a', { start: 1 }));
    const upload = ftp.stor('b', { start: 2 });
    upload.end('x');
    await finished(upload);
    expect(bench.transcript).to.deep.equal(['EPSV', 'REST 1', 'RETR a', 'EPSV', 'REST 2', 'STOR b']);
  });

  it('plain commands that are called together leave together', async () => {
    await bench.serve({ files: FILES });
    const ftp = await bench.warmClient();
    const writes = watchWrites(bench.server.sessions);
    await Promise.all([ftp.size('a'), ftp.mdtm('a'), ftp.pwd()]);
    expect(writes).to.deep.equal(['SIZE a|MDTM a|PWD']);
  });
});

/** The commands of each piece that arrives on the control connections from now on. */
function watchWrites(sessions: Iterable<{ readonly control: { readonly socket: Socket } }>): string[] {
  const writes: string[] = [];
  for (const { control } of sessions) control.socket.on('data', (bytes: Buffer) => void writes.push(bytes.toString().trim().replaceAll('\r\n', '|')));
  return writes;
}

/** Some turns of the event loop: whatever wanted to leave would have arrived. */
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise(setImmediate);
}
