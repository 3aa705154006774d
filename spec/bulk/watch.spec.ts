import { expect } from 'chai';
import { getEventListeners, once } from 'node:events';
import { watch, type Watch, type WatchLook, type WatchOptions, type WatchState } from '../../lib/bulk/watch';
import type { WalkEntry } from '../../lib/bulk/listings';
import type { Unreadable } from '../../lib/bulk/walk';
import { ArgumentError, ConnectionClosedError, type FTP, FTPPool, LimitError, PermanentError, type RetryEvent } from '../../lib/index';
import { failure, scene } from '../support/client';
import { FaultProxy } from '../support/fault-proxy';
import { Heap } from '../support/heap';
import { ManualClock } from '../support/manual-clock';
import type { FtpServer } from '../support/server/ftp-server';
import { type Gate, gate } from '../support/server/gate';
import { PERSONALITIES, type PersonalityName } from '../support/server/personalities';
import { FEATURES, type FtpServerOptions } from '../support/server/server-options';
import { normal, until } from '../support/server/steps';
import { describeSeed, type Random, random } from '../support/seed';
import { note } from '../support/summary';
import { closing } from '../support/transfers';
import { line, listing } from './tree-listing';

const INTERVAL = 10_000;

describe('watch()', () => {
  const stage = scene();
  let clock: ManualClock;
  let server: FtpServer;
  let ftp: FTP;
  beforeEach(() => (clock = new ManualClock()));

  async function serve(options: FtpServerOptions = {}): Promise<void> {
    server = await stage.serve({ files: { '/in/': '' }, ...options });
    ftp = stage.client(server);
  }

  function begin(options: WatchOptions = {}, path = 'in'): Watching {
    return new Watching(ftp.watch(path, { clock, ...options }), clock);
  }

  /** Makes or changes a file. */
  function write(path: string, content: string, modified = new Date(1_700_000_000_000)): void {
    server.write(path, content);
    server.file(path).modified = modified;
  }

  describe('when a file has settled', () => {
    it('gives it once, after two looks that show it in the same way', async () => {
      await serve();
      const watching = begin();
      expect(await watching.first()).to.deep.equal({ files: 0, unsettled: 0 });
      write('/in/a', 'aaa');
      expect(await watching.pass(INTERVAL)).to.deep.equal({ files: 1, unsettled: 1 });
      expect(watching.given).to.deep.equal([]);
      expect(await watching.pass(INTERVAL)).to.deep.equal({ files: 1, unsettled: 0 });
      expect(watching.given).to.deep.equal(['a 3']);
      for (let i = 0; i < 3; i++) await watching.pass(INTERVAL);
      expect(watching.given).to.deep.equal(['a 3']);
      expect(server.commands.filter((command) => /^(SIZE|MDTM)/.test(command)), 'MLSD says all').to.deep.equal([]);
      await watching.end();
    });

    it('waits for one that grows, or whose time changes', async () => {
      await serve({ files: { '/in/a': 'a', '/in/b': 'b' } });
      const watching = begin();
      await watching.first();
      for (let i = 2; i < 5; i++) {
        write('/in/a', 'a'.repeat(i));
        write('/in/b', 'b', new Date(1_700_000_000_000 + i * 1000));
        await watching.pass(INTERVAL);
        expect(watching.given).to.deep.equal([]);
      }
      await watching.pass(INTERVAL);
      expect(watching.given).to.deep.equal(['a 4', 'b 1']);
      await watching.end();
    });

    it('gives one that has changed after it was given again, when it has settled again', async () => {
      await serve({ files: { '/in/a': 'a' } });
      const watching = begin();
      await watching.first();
      await watching.pass(INTERVAL);
      write('/in/a', 'aa');
      await watching.pass(INTERVAL);
      expect(watching.given).to.deep.equal(['a 1']);
      await watching.pass(INTERVAL);
      expect(watching.given).to.deep.equal(['a 1', 'a 2']);
      await watching.end();
    });

    it('gives one again that was away in two looks', async () => {
      await serve({ files: { '/in/a': 'a' } });
      const watching = begin();
      await watching.first();
      await watching.pass(INTERVAL);
      server.files.delete('/in/a');
      for (let i = 0; i < 2; i++) expect(await watching.pass(INTERVAL)).to.deep.equal({ files: 0, unsettled: 0 });
      expect(watching.stream.state.files).to.deep.equal([]);
      server.write('/in/a', 'a');
      await watching.pass(INTERVAL);
      await watching.pass(INTERVAL);
      expect(watching.given).to.deep.equal(['a 1', 'a 1']);
      await watching.end();
    });

    it('looks when a file may have settled, and not before', async () => {
      await serve({ files: { '/in/a': 'a' } });
      const watching = begin({ interval: 60_000, settle: 5000 });
      await watching.first();
      await clock.pass(4999);
      expect(listings(server)).to.equal(1);
      await watching.pass(1);
      expect(watching.given).to.deep.equal(['a 1']);
      await clock.pass(59_999);
      expect(listings(server)).to.equal(2);
      await watching.pass(1);
      await watching.end();
    });

    it('needs as many looks as the time to settle takes', async () => {
      await serve({ files: { '/in/a': 'a' } });
      const watching = begin({ interval: 2000, settle: 5000 });
      await watching.first();
      for (let i = 0; i < 2; i++) await watching.pass(2000);
      expect(watching.given).to.deep.equal([]);
      await watching.pass(1000);
      expect(watching.given).to.deep.equal(['a 1']);
      await watching.end();
    });

    it('gives a file in the second look where it needs not settle', async () => {
      await serve({ files: { '/in/a': 'a' } });
      const stream = ftp.watch('in', { settle: 0 });
      for await (const { path } of stream) {
        expect(path).to.equal('a');
        break;
      }
      expect(listings(server)).to.equal(2);
    });

    for (const options of [{ settle: 0 }, { interval: 0 }, { interval: 0, settle: 0 }]) {
      it(`looks ten times a second at most at a file that grows all the time (${JSON.stringify(options)})`, async () => {
        await serve({ files: { '/in/a': 'a' } });
        const watching = begin(options);
        await watching.first();
        for (let i = 2; i < 6; i++) {
          write('/in/a', 'a'.repeat(i));
          await clock.pass(99);
          expect(listings(server)).to.equal(i - 1);
          await watching.pass(1);
        }
        await watching.end();
      });
    }

    it('measures from the end of a look to the beginning of the other, however long they take', async () => {
      const held = gate();
      await serve({ files: { '/in/a': 'a' }, script: { MLSD: [[until(held), normal()], [normal()]] } });
      const watching = begin();
      const look = watching.look();
      watching.read();
      await server.waitFor('MLSD in');
      await clock.pass(3 * INTERVAL);
      held.open();
      await look;
      await clock.pass(INTERVAL - 1);
      expect(listings(server)).to.equal(1);
      await watching.pass(1);
      expect(watching.given).to.deep.equal(['a 1']);
      await watching.end();
    });

    it('leaves out folders, links, and what is called as an upload that is not complete', async () => {
      await serve({ files: { '/in/sub/': '', '/in/link': { target: '/in/a' }, '/in/.a.part': '1', '/in/.a.12ab34cd.old': '1', '/in/.in.a.': '1', '/in/.pureftpd-upload.5f.15.2a': '1', '/in/a.part': 'a', '/in/.hidden': 'h' } });
      const watching = begin();
      await watching.first();
      await watching.pass(INTERVAL);
      expect(watching.given).to.have.members(['a.part 1', '.hidden 1']);
      await watching.end();
    });

    it('sees an upload of ours only under its own name, whole', async () => {
      await serve();
      const watching = begin();
      await watching.first();
      const uploader = stage.client(server);
      const upload = uploader.stor('in/new', { temporaryName: true });
      upload.write('part');
      await server.waitFor('STOR');
      await watching.pass(INTERVAL);
      await watching.pass(INTERVAL);
      expect(watching.given).to.deep.equal([]);
      upload.end('ly');
      await once(upload, 'finish');
      await watching.pass(INTERVAL);
      await watching.pass(INTERVAL);
      expect(watching.given).to.deep.equal(['new 6']);
      await watching.end();
    });

    it('gives entries as a walk does', async () => {
      await serve({ files: { '/in/sub/a': 'aa' } });
      const watching = begin({ recursive: true });
      await watching.first();
      await watching.pass(INTERVAL);
      expect(watching.entries[0]).to.include({ path: 'sub/a', name: 'a', depth: 2, type: 'file', size: 2 });
      expect(watching.entries[0]?.modified?.toISOString()).to.equal('2020-02-29T12:34:56.000Z');
      await watching.end();
    });
  });

  describe('which files', () => {
    const FILES = { '/in/a.xml': 'a', '/in/b.txt': 'b', '/in/sub/c.xml': 'c', '/in/done/d.xml': 'd', '/in/sub/deep/e.xml': 'e' };

    it('are those of one folder, or of those below it, too', async () => {
      await serve({ files: FILES });
      expect(await settled(begin())).to.have.members(['a.xml 1', 'b.txt 1']);
      expect(await settled(begin({ recursive: true }))).to.have.members(['a.xml 1', 'b.txt 1', 'sub/c.xml 1', 'done/d.xml 1', 'sub/deep/e.xml 1']);
    });

    it('are those that a filter wants; a folder that it excludes is not entered', async () => {
      await serve({ files: FILES });
      server.commands.length = 0;
      expect(await settled(begin({ recursive: true, filter: ['*.xml', '!done'] }))).to.have.members(['a.xml 1', 'sub/c.xml 1', 'sub/deep/e.xml 1']);
      expect(server.commands).to.not.include('MLSD in/done');
      expect(await settled(begin({ filter: (entry: WalkEntry) => entry.size === 1 && entry.name.startsWith('b') }))).to.deep.equal(['b.txt 1']);
    });

    it('are those of the working folder without a path', async () => {
      await serve({ files: FILES });
      await ftp.cwd('in/sub');
      expect(await settled(begin({}, ''))).to.deep.equal(['c.xml 1']);
    });

    it('are those that were modified after a Date', async () => {
      await serve();
      write('/in/old', 'old', new Date('2026-01-01T12:00:00Z'));
      write('/in/new', 'new', new Date('2026-01-01T12:00:01Z'));
      const watching = begin({ since: new Date('2026-01-01T12:00:01Z') });
      await watching.first();
      await watching.pass(INTERVAL);
      expect(watching.given).to.deep.equal(['new 3']);
      write('/in/old', 'changed', new Date('2026-01-01T12:00:02Z'));
      await watching.pass(INTERVAL);
      await watching.pass(INTERVAL);
      expect(watching.given).to.deep.equal(['new 3', 'old 7']);
      await watching.end();
      write('/in/moved', 'here', new Date('2026-01-01T11:00:00Z'));
      write('/in/later', 'too', new Date('2026-01-01T13:00:00Z'));
      expect(await settled(begin({ since: watching.stream.state }))).to.deep.equal(['later 3']);
    });

    it('are found by their names in any encoding', async () => {
      await serve({ encoding: 'latin1', files: { '/in/größe': 'x' }, features: ['MLST type*;size*;modify*;', 'SIZE', 'MDTM'] });
      const watching = begin();
      await watching.first();
      await watching.pass(INTERVAL);
      const [entry] = watching.entries;
      expect(Buffer.concat(await ftp.retr(`in/${entry?.path}`).toArray()).toString()).to.equal('x');
      await watching.end();
    });
  });

  describe('listings that hide changes', () => {
    const now = new Date(Math.floor(Date.now() / 60_000) * 60_000 - 3_600_000);

    it('asks SIZE and MDTM about new files, and about no others', async () => {
      await serve({ features: ['SIZE', 'MDTM'] });
      write('/in/a', 'a', new Date(now.getTime() + 5000));
      const watching = begin();
      await watching.first();
      expect(asked(server)).to.have.members(['SIZE in/a', 'MDTM in/a']);
      await watching.pass(INTERVAL);
      expect(watching.given).to.deep.equal(['a 1']);
      expect(watching.entries[0]?.modified?.getTime()).to.equal(now.getTime() + 5000);
      expect(asked(server)).to.have.length(4);
      for (let i = 0; i < 3; i++) await watching.pass(INTERVAL);
      expect(asked(server)).to.have.length(4);
      expect(watching.given).to.deep.equal(['a 1']);
      await watching.end();
    });

    it('sees a file that is written within the minute that the listing shows, although its size stays', async () => {
      await serve({ features: ['SIZE', 'MDTM'] });
      const watching = begin();
      for (let second = 0; second < 4; second++) {
        write('/in/a', 'a', new Date(now.getTime() + second * 1000));
        await (second === 0 ? watching.first() : watching.pass(INTERVAL));
        expect(watching.given).to.deep.equal([]);
      }
      await watching.pass(INTERVAL);
      expect(watching.given).to.deep.equal(['a 1']);
      await watching.end();
    });

    it('takes a file for the same whose line changes because it is half a year old, or a clock was set', async () => {
      let shown = new Date(now.getTime());
      await serve({ features: ['SIZE', 'MDTM'], now: () => shown });
      write('/in/a', 'a', now);
      const watching = begin();
      await watching.first();
      await watching.pass(INTERVAL);
      shown = new Date(now.getTime() + 300 * 86_400_000); // `ls` prints the year in place of the time
      await watching.pass(INTERVAL);
      await watching.pass(INTERVAL);
      expect(watching.given).to.deep.equal(['a 1']);
      await watching.end();
    });

    it('does so where the server cannot be asked, either', async () => {
      let shown = new Date(now.getTime());
      await serve({ features: [], lacks: ['SIZE', 'MDTM', 'MLST', 'MLSD'], now: () => shown });
      write('/in/a', 'a', now);
      const watching = begin();
      await watching.first();
      await watching.pass(INTERVAL);
      shown = new Date(now.getTime() + 300 * 86_400_000);
      await watching.pass(INTERVAL);
      await watching.pass(INTERVAL);
      expect(watching.given).to.deep.equal(['a 1']);
      write('/in/a', 'aa', now);
      await watching.pass(INTERVAL);
      await watching.pass(INTERVAL);
      expect(watching.given).to.deep.equal(['a 1', 'a 2']);
      await watching.end();
    });

    it('takes a file for the same where our own clock has put it into another year', async () => {
      await serve({ features: [], lacks: ['SIZE', 'MDTM', 'MLST', 'MLSD'] });
      write('/in/a', 'a', now);
      const lastYear = new Date(now);
      lastYear.setUTCFullYear(now.getUTCFullYear() - 1);
      expect(await settled(begin({ since: { version: 1, files: [['a', [1, lastYear.getTime(), 60_000]]] } }))).to.deep.equal([]);
      expect(await settled(begin({ since: { version: 1, files: [['a', [2, lastYear.getTime(), 60_000]]] } }))).to.deep.equal(['a 1']);
    });

    it('asks about a file that MLSD lists as empty, as Windows does until it is closed', async () => {
      await serve({ script: { MLSD: listing(() => [line('a', { size: 0 })]) } });
      const watching = begin();
      for (let i = 1; i < 4; i++) {
        write('/in/a', 'a'.repeat(i));
        await (i === 1 ? watching.first() : watching.pass(INTERVAL));
        expect(watching.given).to.deep.equal([]);
      }
      await watching.pass(INTERVAL);
      expect(watching.given).to.deep.equal(['a 3']);
      await watching.end();
    });

    it('takes a file for the same whose listed time is in another zone now', async () => {
      let hours = 0;
      await serve({ script: { LIST: listing(() => [`-rw-r--r-- 1 u g 1 ${ls(new Date(now.getTime() + hours * 3_600_000))} a`]) }, features: ['SIZE', 'MDTM'] });
      write('/in/a', 'a', now);
      const watching = begin();
      await watching.first();
      await watching.pass(INTERVAL);
      hours = -1;
      for (let i = 0; i < 3; i++) await watching.pass(INTERVAL);
      expect(watching.given).to.deep.equal(['a 1']);
      await watching.end();
    });

    it('asks for what MLSD does not say', async () => {
      let size = '';
      await serve({ script: { MLSD: listing(() => [`type=file;${size} a`]) } });
      write('/in/a', 'a');
      const watching = begin();
      await watching.first();
      expect(asked(server)).to.have.members(['SIZE in/a', 'MDTM in/a']);
      write('/in/a', 'aa');
      await watching.pass(INTERVAL);
      await watching.pass(INTERVAL);
      expect(watching.entries.map(({ path, size: shown }) => [path, shown])).to.deep.equal([['a', 2]]);
      size = 'size=2;';
      await watching.end();
    });

    it('asks after the listing, in one flight, about a thousand files', async () => {
      const files = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`/in/${i}`, 'x']));
      await serve({ files, features: ['SIZE', 'MDTM'] });
      const watching = begin();
      await watching.first();
      await watching.pass(INTERVAL);
      expect(watching.given).to.have.length(1000);
      expect(new Set(watching.given)).to.have.property('size', 1000);
      expect(asked(server)).to.have.length(4000);
      await watching.end();
    });

    for (const name of ['iis', 'iisUnix', 'busyBox', 'lwIP', 'vxWorks', 'camera', 'servU4', 'listIgnoresPath', 'listRepeatsPath', 'noSIZE', 'noFEAT', 'refusesEmptyFolder', 'missingFolderEmpty'] as PersonalityName[]) {
      it(`gives what comes, each once, on ${name}`, async () => {
        await serve({ ...PERSONALITIES[name], files: { '/in/a': 'a', '/in/done/': '' } });
        const watching = begin();
        await watching.first();
        write('/in/b', 'b', now);
        await watching.pass(INTERVAL);
        write('/in/b', 'bb', now);
        await watching.pass(INTERVAL);
        expect(watching.given).to.deep.equal(['a 1']);
        await ftp.rename('in/a', 'in/done/a');
        for (let i = 0; i < 3; i++) await watching.pass(INTERVAL);
        expect(watching.given).to.deep.equal(['a 1', 'b 2']);
        await watching.end();
      });
    }
  });

  describe('its reader', () => {
    it('may do anything on the same client: each file is read and moved away in the loop', async () => {
      await serve({ files: { '/in/a': 'aa', '/in/b': 'bb', '/in/c': 'cc', '/in/done/': '' } });
      const read: string[] = [];
      for await (const { path } of ftp.watch('in', { interval: 1, settle: 1 })) {
        expect(await ftp.size(`in/${path}`)).to.equal(2);
        read.push(Buffer.concat(await ftp.retr(`in/${path}`).toArray()).toString());
        await ftp.rename(`in/${path}`, `in/done/${path}`);
        if (read.length === 3) break;
      }
      expect(read).to.deep.equal(['aa', 'bb', 'cc']);
      expect(server.files.names('/in/done')).to.deep.equal(['a', 'b', 'c']);
    });

    it('holds up the looks, and finds what has changed meanwhile', async () => {
      await serve({ files: { '/in/a': 'a', '/in/b': 'b', '/in/c': 'c' } });
      const stream = ftp.watch('in', { clock });
      const entries = stream[Symbol.asyncIterator]();
      const look = once(stream, 'look');
      const first = entries.next();
      await look;
      await clock.pass(INTERVAL);
      expect((await first).value.path).to.equal('a');
      await clock.pass(100 * INTERVAL);
      expect(listings(server)).to.equal(2);
      write('/in/b', 'grows');
      expect((await entries.next()).value.path).to.equal('c');
      expect(listings(server)).to.equal(3);
      const last = entries.next();
      await clock.pass(INTERVAL);
      expect((await last).value).to.include({ path: 'b', size: 5 });
      await entries.return?.();
      expect(clock.timers).to.equal(0);
    });

    it('gets those first that came first', async () => {
      let names = ['b', 'z'];
      await serve({ script: { MLSD: listing(() => names.map((name) => line(name))) } });
      const stream = ftp.watch('in', { clock, settle: 2 * INTERVAL });
      const entries = stream[Symbol.asyncIterator]();
      const given: string[] = [];
      const next = entries.next();
      for (let i = 0; i < 3; i++) {
        await once(stream, 'look');
        if (i === 0) names = ['a', 'b', 'z'];
        if (i < 2) await clock.pass(INTERVAL);
      }
      given.push((await next).value.path);
      names = ['a', 'z', 'c', 'b'];
      await clock.pass(10 * INTERVAL);
      for (let i = 0; i < 2; i++) given.push((await entries.next()).value.path);
      expect(given).to.deep.equal(['b', 'z', 'a']);
      await entries.return?.();
    });

    it('gives more files than a look keeps', async () => {
      const COUNT = 25_000;
      await serve({ files: Object.fromEntries(Array.from({ length: COUNT }, (_, i) => [`/in/${100_000 + i}`, 'x'])) });
      const watching = begin();
      await watching.first();
      write('/in/0', 'new');
      watching.wanted = COUNT;
      await clock.pass(INTERVAL);
      await watching.enough;
      await watching.pass(INTERVAL);
      await watching.pass(INTERVAL);
      expect(watching.given.slice(0, 2)).to.deep.equal(['100000 1', '100001 1']);
      expect(watching.given.at(-1)).to.equal('0 3');
      expect(new Set(watching.given).size).to.equal(COUNT + 1);
      expect(watching.given).to.have.length(COUNT + 1);
      await watching.end();
    });

    it('is given each of 50,000 files once, in bounded memory', async () => {
      const COUNT = 50_000;
      const entries = Array.from({ length: COUNT }, (_, i) => ({ name: `a-file-with-a-name-${i}.xml`, size: i }));
      await serve({ files: { '/in/': { entries } } });
      const heap = new Heap();
      const seen = new Set<number>();
      for await (const { size = -1 } of ftp.watch('in', { settle: 1, interval: 100_000 })) {
        seen.add(size);
        if (seen.size % 10_000 === 0) heap.note();
        if (seen.size === COUNT) break;
      }
      expect(seen.size).to.equal(COUNT);
      note('measured', `watch, ${COUNT} files: at most ${heap.most.toFixed(1)} MiB more than before`);
      expect(heap.most).to.be.below(40);
    });

    it('fails with LimitError where there are more files than may be remembered', async () => {
      await serve({ files: Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`/in/a-name-that-takes-some-room-${i}`, 'x'])) });
      const error = await failure(ftp.watch('in', { maxPendingBytes: 20_000 }).toArray());
      expect(error).to.be.instanceOf(LimitError);
      expect(error.message).to.include('maxPendingBytes');
    });

    it('forgets what is gone: a folder through which many files pass needs no more memory than they take at a time', async () => {
      await serve();
      const watching = begin({ maxPendingBytes: 20_000 });
      await watching.first();
      for (let round = 0; round < 30; round++) {
        for (let i = 0; i < 20; i++) write(`/in/a-name-that-takes-some-room-${round}-${i}`, 'x');
        await watching.pass(INTERVAL);
        await watching.pass(INTERVAL);
        for (const name of server.files.names('/in')) server.files.delete(`/in/${name}`);
      }
      for (let i = 0; i < 2; i++) await watching.pass(INTERVAL);
      expect(watching.given).to.have.length(600);
      expect(watching.stream.state.files).to.deep.equal([]);
      await watching.end();
    });

    it('leaves no listener after many looks', async () => {
      await serve();
      const { signal } = new AbortController();
      const watching = begin({ signal });
      await watching.first();
      const before = getEventListeners(signal, 'abort').length;
      for (let i = 0; i < 20; i++) await watching.pass(INTERVAL);
      expect(getEventListeners(signal, 'abort').length).to.equal(before);
      await watching.end();
    });

    it('may be a listener, which takes its time', async () => {
      await serve({ files: { '/in/a': 'a', '/in/b': 'b' } });
      const stream = ftp.watch('in', { settle: 1, interval: 1 });
      const given: string[] = [];
      stream.on('data', ({ path }) => {
        given.push(path);
        expect(stream.state.files).to.have.length(given.length - 1);
        if (given.length === 2) stream.destroy();
      });
      await closing(stream);
      expect(given).to.deep.equal(['a', 'b']);
    });
  });

  describe('its state', () => {
    it('has what was given but the entry in hand, and that after done()', async () => {
      await serve({ files: { '/in/a': 'a', '/in/b': 'b' } });
      const stream = ftp.watch('in', { settle: 1, interval: 1 });
      const states: string[][] = [];
      const inState = (): string[] => stream.state.files.map(([path]) => path);
      for await (const { path } of stream) {
        states.push(inState());
        if (path === 'b') break;
      }
      expect(states).to.deep.equal([[], ['a']]);
      expect(inState()).to.deep.equal(['a']);
      stream.done();
      expect(inState()).to.deep.equal(['a', 'b']);
      stream.done();
      expect(inState()).to.deep.equal(['a', 'b']);
    });

    for (const features of [undefined, ['SIZE', 'MDTM'], []]) {
      it(`is given to a later watch, which gives what came meanwhile, and nothing twice (${features ? `LIST, ${features.join(', ')}` : 'MLSD'})`, async () => {
        const lacks = features?.length === 0 ? ['MLSD', 'MLST', 'SIZE', 'MDTM'] : [];
        await serve({ files: { '/in/a': 'a', '/in/b': 'b', '/in/sub/c': 'c', '/in/d': 'd' }, lacks, ...(features ? { features } : {}) });
        let saved = '';
        const stream = ftp.watch('in', { settle: 1, interval: 1, recursive: true });
        const given: string[] = [];
        for await (const { path } of stream) {
          given.push(path);
          if (given.length === 4) break;
          stream.done();
          saved = JSON.stringify(stream.state);
        }
        write(`/in/${given[0]}`, 'changed');
        write('/in/e', 'e');
        server.files.delete(`/in/${given[1]}`);
        const since = JSON.parse(saved) as WatchState;
        const watching = begin({ since, recursive: true });
        expect(watching.stream.state).to.deep.equal(since);
        await watching.first();
        await watching.pass(INTERVAL);
        expect(watching.given.map((each) => each.split(' ')[0])).to.have.members([given[0], given[3], 'e']);
        expect(watching.stream.state.files.map(([path]) => path)).to.have.members([given[0], given[2], given[3], 'e']);
        await watching.end();
      });
    }

    it('of MLSD holds for LIST, too, and the reverse', async () => {
      await serve({ files: { '/in/a': 'a' } });
      write('/in/b', 'b', new Date(Date.now() - 3_600_000));
      const byMLSD = begin();
      await settled(byMLSD);
      const list = stage.client(server, { mlsd: false });
      const byLIST = new Watching(list.watch('in', { clock, since: byMLSD.stream.state }), clock);
      expect(await settled(byLIST)).to.deep.equal([]);
      const again = begin({ since: byLIST.stream.state });
      expect(await settled(again)).to.deep.equal([]);
      const fresh = new Watching(list.watch('in', { clock }), clock);
      expect(await settled(fresh)).to.have.members(['a 1', 'b 1']);
      expect(await settled(begin({ since: fresh.stream.state }))).to.deep.equal([]);
    });

    it('that is none, is damaged, or of another version is an ArgumentError', async () => {
      await serve();
      const files = [['a', [1, 2, 1000]]];
      expect(() => begin({ since: { version: 1, files } as unknown as WatchState })).to.not.throw();
      const damaged: unknown[] = [
        null, 1, 'x', {}, [], { version: 2, files }, { version: 1 }, { version: 1, files: {} }, new Date(NaN), { version: 1, files, after: 'now' }, { version: 1, files, after: NaN },
        ...[[''], ['a'], [1, [1, 2, 3]], ['a', [1, 2]], ['a', [1, 2, 'x']], ['a', [1, 'x', 1000]], ['a', [1.5, 2, 1000]], ['a', [1, 1e300, 1000]], ['a', [1, 2, 1000], [1]], ['a', [1, 2, 3], [1, 2, 3], 4], null].map((file) => ({ version: 1, files: [file] })),
      ];
      for (const since of damaged) expect(() => begin({ since: since as WatchState }), JSON.stringify(since)).to.throw(ArgumentError, /since/);
    });

    it('that takes more memory than there may be is a LimitError', async () => {
      await serve();
      const files = Array.from({ length: 1000 }, (_, i) => [`file-${i}`, [1, 2, 1000]]);
      expect(() => begin({ since: { version: 1, files } as unknown as WatchState, maxPendingBytes: 10_000 })).to.throw(LimitError);
    });
  });

  describe('looks that fail', () => {
    it('go on over lost connections, at any reply, and give each file once', async () => {
      for (const verb of ['CONNECT', 'USER', 'MLSD', 'EPSV', 'FEAT']) {
        await serve({ files: { '/in/a': 'a', '/in/b': 'b' }, script: { [verb]: [[normal()], [(session) => session.control.reset()], [(session) => session.control.hangUp()], [normal()]] } });
        if (verb === 'CONNECT') server.script = {};
        const watching = begin({ retry: { backoff: 1 } });
        await watching.first();
        for (const session of server.sessions) session.control.reset();
        await watching.pass(INTERVAL);
        await watching.pass(INTERVAL);
        expect(watching.given, verb).to.deep.equal(['a 1', 'b 1']);
        expect(watching.stream.state.files).to.have.length(2);
        await watching.end();
      }
    });

    it('go on where a listing was cut in the middle, and take nothing for gone', async () => {
      await serve({ files: { '/in/a': 'a', '/in/b': 'b', '/in/c': 'c' } });
      const watching = begin({ retry: { backoff: 1 } });
      await watching.first();
      await watching.pass(INTERVAL);
      const whole = [line('a'), line('b'), line('c')];
      let cuts = 3;
      server.script = {
        MLSD: async (session) => {
          const socket = await session.dataConnection();
          session.reply('150 Here it comes.');
          await new Promise((written) => socket.write(`${whole.slice(0, cuts > 0 ? 1 : 3).join('\r\n')}\r\n`, written));
          if (cuts-- > 0) {
            socket.resetAndDestroy();
            return session.reply('426 Broken.');
          }
          socket.end();
          session.reply('226 Done.');
        },
      };
      await watching.pass(INTERVAL);
      expect(watching.retries.map(({ attempt }) => attempt)).to.include(1);
      server.script = {};
      await watching.pass(INTERVAL);
      await watching.pass(INTERVAL);
      expect(watching.given).to.deep.equal(['a 1', 'b 1', 'c 1']);
      expect(watching.unreadable).to.deep.equal([]);
      await watching.end();
    });

    it('bear a listing that ends too early, in such a way that nothing shows it', async () => {
      const lines = [line('a'), line('b'), line('c')];
      let shown = 3;
      await serve({ script: { MLSD: listing(() => lines.slice(0, shown)) } });
      const watching = begin();
      await watching.first();
      await watching.pass(INTERVAL);
      for (shown of [1, 3, 0, 3, 2, 3]) await watching.pass(INTERVAL);
      expect(watching.given).to.deep.equal(['a 1', 'b 1', 'c 1']);
      expect(watching.stream.state.files).to.have.length(3);
      await watching.end();
    });

    it('fail at once without retry, and after the attempts that were given', async () => {
      await serve({ script: { MLSD: (session) => session.control.reset() } });
      expect(await failure(ftp.watch('in', { retry: false }).toArray())).to.be.instanceOf(ConnectionClosedError);
      expect(server.commands.filter((command) => command.startsWith('MLSD'))).to.have.length(1);
      expect(await failure(ftp.watch('in', { retry: { attempts: 2, backoff: 1 } }).toArray())).to.be.instanceOf(ConnectionClosedError);
      expect(server.commands.filter((command) => command.startsWith('MLSD'))).to.have.length(4);
    });

    it('never give up after the first one, unless the attempts were given', async () => {
      for (const retry of [undefined, 1]) {
        await serve({ files: { '/in/a': 'a', '/in/sub/b': 'b' } });
        const watching = begin({ recursive: true, ...(retry === undefined ? {} : { retry }) });
        await watching.first();
        await watching.pass(INTERVAL);
        server.script = { MLSD: (session, argument) => (argument === 'in/sub' ? session.control.reset() : session.normal()) };
        if (retry !== undefined) {
          await clock.pass(INTERVAL);
          expect(await watching.ended).to.be.instanceOf(ConnectionClosedError);
          continue;
        }
        write('/in/c', 'c');
        const random = Math.random;
        Math.random = () => 0;
        try {
          await watching.pass(INTERVAL);
          await watching.pass(INTERVAL);
        } finally {
          Math.random = random;
        }
        expect(watching.given).to.deep.equal(['a 1', 'sub/b 1', 'c 1']);
        expect(watching.unreadable.map(({ path }) => path)).to.deep.equal(['sub']);
        expect(watching.retries).to.have.length(10);
        server.script = {};
        await watching.pass(INTERVAL);
        expect(watching.stream.state.files).to.have.length(3);
        await watching.end();
      }
    });

    it('give nothing twice where the questions about files fail', async () => {
      const recently = Math.floor(Date.now() / 60_000) * 60_000 - 3_600_000;
      let minutes = 0;
      await serve({ script: { LIST: listing(() => [`-rw-r--r-- 1 u g 1 ${ls(new Date(recently + minutes * 60_000))} a`]) }, features: ['SIZE', 'MDTM'] });
      write('/in/a', 'a');
      const watching = begin({ retry: { backoff: 1 } });
      await watching.first();
      await watching.pass(INTERVAL);
      const { LIST } = server.script;
      for (const answer of ['450 Busy.', '550 Denied.', '421 Bye.'] as const) {
        let refusals = 4;
        const refuse: FtpServerOptions['script'] = { MDTM: (session) => (refusals-- > 0 ? (session.reply(answer), answer.startsWith('421') && session.control.hangUp()) : session.normal()) as void };
        minutes += 5;
        server.script = { ...(LIST ? { LIST } : {}), ...refuse };
        for (let i = 0; i < 6; i++) await watching.pass(INTERVAL);
        expect(refusals, answer).to.be.lessThan(0);
      }
      expect(watching.given).to.deep.equal(['a 1']);
      await watching.end();
    });

    it('are errors where the folder is missing at the beginning', async () => {
      await serve();
      expect(await failure(ftp.watch('missing').toArray())).to.be.instanceOf(PermanentError);
    });

    it('report a folder that is missing later, once, and forget nothing that was in it', async () => {
      await serve({ files: { '/in/a': 'a' } });
      const watching = begin();
      await watching.first();
      await watching.pass(INTERVAL);
      server.files.move('/in', '/away');
      for (let i = 0; i < 3; i++) await watching.pass(INTERVAL);
      expect(watching.unreadable.map(({ path, error }) => [path, error.constructor])).to.deep.equal([['', PermanentError]]);
      server.files.move('/away', '/in');
      write('/in/b', 'b');
      await watching.pass(INTERVAL);
      await watching.pass(INTERVAL);
      expect(watching.given).to.deep.equal(['a 1', 'b 1']);
      server.files.move('/in', '/away');
      await watching.pass(INTERVAL);
      expect(watching.unreadable).to.have.length(2);
      await watching.end();
    });

    it('report a refused folder in the tree, keep what was in it, and look at the others', async () => {
      for (const refusal of ['550 Permission denied.', '450 Try later.', '451 Local error.', '550 No files found.']) {
        await serve({ files: { '/in/sub/a': 'a', '/in/sub/deep/x': 'x', '/in/b': 'b' } });
        const watching = begin({ recursive: true });
        await watching.first();
        await watching.pass(INTERVAL);
        server.script = { MLSD: (session, argument) => (argument === 'in/sub' ? session.reply(refusal) : session.normal()), LIST: refusal };
        write('/in/c', 'c');
        await watching.pass(INTERVAL);
        await watching.pass(INTERVAL);
        expect(watching.given, refusal).to.have.members(['sub/a 1', 'sub/deep/x 1', 'b 1', 'c 1']);
        expect(watching.retries, refusal).to.deep.equal([]);
        server.script = {};
        await watching.pass(INTERVAL);
        await watching.pass(INTERVAL);
        expect(watching.given, refusal).to.have.length(4);
        await watching.end();
      }
    });

    it('report a line that cannot be read, once, and keep the file that it may show, but no other', async () => {
      let lines = [line('a'), line('b'), line('c')];
      await serve({ script: { MLSD: listing(() => lines) } });
      const watching = begin();
      await watching.first();
      await watching.pass(INTERVAL);
      lines = [line('a'), line('b\0')];
      for (let i = 0; i < 3; i++) await watching.pass(INTERVAL);
      expect(watching.unreadable.map((each) => each.line)).to.deep.equal([line('b\0')]);
      expect(watching.stream.state.files.map(([path]) => path)).to.have.members(['a', 'b']);
      lines = [line('a'), line('b'), line('c')];
      await watching.pass(INTERVAL);
      await watching.pass(INTERVAL);
      expect(watching.given).to.deep.equal(['a 1', 'b 1', 'c 1', 'c 1']);
      await watching.end();
    });

    it('bear a name that is a path, a name twice, and folders that lead back', async () => {
      await serve({ files: { '/in/loop/': '' }, script: { MLSD: listing(() => [line('../etc'), line('a'), line('a'), line('loop', { type: 'dir', unique: 'U1' })]) } });
      const watching = begin({ recursive: true });
      await watching.first();
      await watching.pass(INTERVAL);
      expect(watching.given).to.have.members(['a 1', 'loop/a 1']);
      expect(new Set(watching.unreadable.map(({ path }) => path))).to.deep.equal(new Set(['../etc', 'loop/../etc', 'loop/loop']));
      await watching.end();
    });

    it('give what comes in another order each time, once', async () => {
      const names = ['a', 'b', 'c', 'd'];
      await serve({ script: { MLSD: listing(() => names.map((name) => line(name))) } });
      const watching = begin();
      await watching.first();
      for (let i = 0; i < 4; i++) {
        names.push(names.shift() as string);
        await watching.pass(INTERVAL);
      }
      expect(watching.given).to.have.members(['a 1', 'b 1', 'c 1', 'd 1']);
      await watching.end();
    });
  });

  describe('over faults and changes in any order', () => {
    for (const features of [FEATURES, ['SIZE', 'MDTM']]) {
      for (const seed of [1, 2, 3, 4, 5, 6]) {
        it(`gives each version that has settled once, and no other (${features === FEATURES ? 'MLSD' : 'LIST'}, ${describeSeed(seed)})`, async () => {
          const numbers = random(seed);
          server = await stage.serve({ files: { '/in/x/': '', '/in/y/': '' }, features: [...features] });
          const proxy = await FaultProxy.open(server);
          ftp = stage.client({ host: '127.0.0.1', port: proxy.port });
          const model = new Model(server, numbers);
          let watching = begin({ recursive: true, retry: { attempts: 50, backoff: 1 } });
          await watching.first();
          model.look();
          try {
            for (let round = 0; round < 40; round++) {
              for (let i = numbers.int(4); i > 0; i--) model.change();
              if (numbers.int(3) > 0) proxy.arm({ on: numbers.pick(['control', 'data']), direction: numbers.pick(['toClient', 'toServer']), kind: numbers.pick(['rst', 'split']), at: numbers.int(300) });
              const before = watching.entries.length;
              if (numbers.int(8) === 0) {
                const since = JSON.parse(JSON.stringify(watching.stream.state)) as WatchState;
                await watching.end();
                watching = begin({ recursive: true, retry: { attempts: 50, backoff: 1 }, since });
                await watching.first();
                model.forgetLooks();
                model.look();
                expect(watching.given, `round ${round}`).to.deep.equal([]);
              } else {
                await watching.pass(INTERVAL);
                expect(watching.given.slice(before), `round ${round}`).to.have.members(model.look());
              }
            }
            expect(watching.unreadable).to.deep.equal([]);
          } finally {
            await watching.end();
            ftp.close();
            await proxy.close();
          }
        });
      }
    }
  });

  describe('its end', () => {
    it('comes with the signal, with destroy(), and with a break, at once, and the client goes on', async () => {
      await serve({ files: { '/in/a': 'a' } });
      const controller = new AbortController();
      const aborted = begin({ signal: controller.signal });
      await aborted.first();
      controller.abort();
      expect((await aborted.end()) as Error).to.have.property('name', 'AbortError');
      const destroyed = begin();
      await destroyed.first();
      destroyed.stream.destroy();
      await closing(destroyed.stream);
      for await (const { path } of ftp.watch('in', { settle: 1 })) {
        expect(path).to.equal('a');
        break;
      }
      expect(Buffer.concat(await ftp.retr('in/a').toArray()).toString()).to.equal('a');
      expect(clock.timers).to.equal(0);
    });

    it('leaves a session that works wherever the signal comes', async () => {
      for (const verb of ['FEAT', 'EPSV', 'MLSD', 'LIST', 'SIZE', 'MDTM']) {
        let held: Gate | undefined;
        await serve({ files: { '/in/a': 'a' }, ...(verb === 'MLSD' ? {} : { features: ['SIZE', 'MDTM', 'EPSV'] }), script: { [verb]: [[until(() => (held?.promise ?? Promise.resolve())), normal()], [normal()]] } });
        held = gate();
        const controller = new AbortController();
        const end = failureOf(ftp.watch('in', { signal: controller.signal }).toArray());
        await server.waitFor(verb);
        controller.abort();
        expect((await end).name, verb).to.equal('AbortError');
        held.open();
        expect(Buffer.concat(await ftp.retr('in/a').toArray()).toString(), verb).to.equal('a');
      }
    });

    it('comes with quit(): a loop that waits ends', async () => {
      await serve({ files: { '/in/a': 'a' } });
      const watching = begin();
      await watching.first();
      await ftp.quit();
      expect(await watching.ended).to.equal(undefined);
      expect(server.commands.at(-1)).to.equal('QUIT');
      expect(clock.timers).to.equal(0);
    });

    it('comes with quit() during a look', async () => {
      const held = gate();
      await serve({ files: { '/in/a': 'a' }, script: { MLSD: [[until(held), normal()], [normal()]] } });
      const watching = begin();
      watching.read();
      await server.waitFor('MLSD in');
      const quit = ftp.quit();
      expect(await watching.ended).to.equal(undefined);
      held.open();
      await quit;
    });

    it('comes with quit() after the reader has done what it does with its entry', async () => {
      await serve({ files: { '/in/a': 'a', '/in/b': 'b', '/in/done/': '' } });
      let quit: Promise<unknown> | undefined;
      const given: string[] = [];
      const stream = ftp.watch('in', { settle: 1 });
      for await (const { path } of stream) {
        quit = ftp.quit();
        await new Promise(setImmediate);
        await ftp.rename(`in/${path}`, `in/done/${path}`);
        given.push(path);
      }
      await quit;
      expect(given).to.deep.equal(['a']);
      expect(server.files.names('/in/done')).to.deep.equal(['a']);
      expect(stream.state.files.map(([path]) => path)).to.deep.equal(['a']);
    });

    it('is an error where its reader waits for quit(), or nobody reads', async () => {
      await serve({ files: { '/in/a': 'a' } });
      const quick = stage.client(server, { stallTimeout: 50 });
      const read = (async () => {
        for await (const { path } of quick.watch('in', { settle: 1 })) {
          expect(path).to.equal('a');
          await quick.quit();
        }
      })();
      expect(await failure(read)).to.be.instanceOf(ConnectionClosedError);
    });

    it('is an error for quit(), where somebody has read once and does not any more', async () => {
      await serve();
      const stream = ftp.watch('in', { clock });
      const look = once(stream, 'look');
      stream.read();
      await look;
      const error = once(stream, 'error');
      await ftp.quit();
      expect((await error)[0]).to.be.instanceOf(ConnectionClosedError);
    });

    it('comes with close(), as an error, for a client and a pool', async () => {
      await serve({ files: { '/in/a': 'a' } });
      const pool = new FTPPool({ host: server.host, port: server.port, user: 'user', password: 'secret' });
      for (const remote of [ftp, pool]) {
        const watching = new Watching(remote.watch('in', { clock }), clock);
        await watching.first();
        remote.close();
        expect(await watching.ended).to.be.instanceOf(ConnectionClosedError);
      }
    });

    it('is refused what cannot be meant, and nothing is sent before it is read', async () => {
      await serve();
      await ftp.noop();
      server.commands.length = 0;
      ftp.watch('in');
      await ftp.noop();
      expect(server.commands).to.deep.equal(['NOOP']);
      for (const options of [{ interval: -1 }, { interval: '1' }, { settle: NaN }, { filter: 1 }, { recursive: 1 }, { retry: 'x' }, { retry: { attempts: -1 } }, { maxPendingBytes: 0 }, { poll: 1 }]) {
        expect(() => watch(ftp, 'in', options as unknown as WatchOptions), JSON.stringify(options)).to.throw(ArgumentError);
      }
      expect(() => watch(ftp, 1 as unknown as string)).to.throw(ArgumentError);
    });
  });
});

/** A watch and a reader that takes all that it gives. */
class Watching {
  readonly entries: WalkEntry[] = [];
  readonly unreadable: Unreadable[] = [];
  readonly retries: Omit<RetryEvent, 'offset'>[] = [];
  /** Resolves when so many entries have come. */
  wanted = Infinity;
  readonly enough: Promise<void>;
  /** What it has failed with. */
  ended: Promise<unknown> = Promise.resolve();
  #onEnough: () => void = () => undefined;

  constructor(
    readonly stream: Watch,
    private readonly clock: ManualClock,
  ) {
    stream.on('unreadable', (what) => this.unreadable.push(what)).on('retry', (event) => this.retries.push(event));
    this.enough = new Promise((resolve) => (this.#onEnough = resolve));
  }

  get given(): string[] {
    return this.entries.map(({ path, size }) => `${path} ${size}`);
  }

  read(): void {
    this.ended = (async () => {
      for await (const entry of this.stream) if (this.entries.push(entry) >= this.wanted) this.#onEnough();
    })().then(
      () => undefined,
      (error: unknown) => error,
    );
  }

  /** The next look that ends. */
  async look(): Promise<WatchLook> {
    const [look] = (await once(this.stream, 'look')) as [WatchLook];
    await new Promise(setImmediate);
    return look;
  }

  /** Begins to read. */
  async first(): Promise<WatchLook> {
    const look = this.look();
    this.read();
    return look;
  }

  async pass(milliseconds: number): Promise<WatchLook> {
    const look = this.look();
    await this.clock.pass(milliseconds);
    return look;
  }

  async end(): Promise<unknown> {
    if (!this.stream.destroyed) this.stream.destroy();
    return this.ended;
  }
}

/** What a watch of `/in` has to give while files come, grow, are renamed and go. */
class Model {
  #count = 0;
  /** What each file was in the last look. */
  #seen = new Map<string, string>();
  readonly #given = new Map<string, string>();
  /** What was given and is gone since the last look. */
  #missed = new Set<string>();

  constructor(
    private readonly server: FtpServer,
    private readonly numbers: Random,
  ) {}

  change(): void {
    const { files } = this.server;
    const all = this.#files();
    const path = `/in/${this.numbers.pick(['', 'x/', 'y/'])}${this.numbers.int(30)}`;
    const some = all.length > 0 ? this.numbers.pick(all) : path;
    this.#count += 1;
    switch (this.numbers.int(6)) {
      case 0:
        files.delete(some);
        break;
      case 1:
        if (files.has(some) && some !== path) files.move(some, path);
        break;
      case 2:
        if (files.has(some)) this.#write(some); // it grows
        break;
      default:
        this.#write(path);
    }
  }

  /** Nothing is known of files that were not given: the watch begins anew. */
  forgetLooks(): void {
    this.#seen.clear();
  }

  /** What this look gives. */
  look(): string[] {
    const given: string[] = [];
    const seen = new Map<string, string>();
    for (const path of this.#files()) {
      const { content, modified } = this.server.file(path);
      const version = `${content.size} ${modified.getTime()}`;
      seen.set(path, version);
      if (this.#given.get(path) === version || this.#seen.get(path) !== version) continue;
      given.push(`${path.slice('/in/'.length)} ${content.size}`);
      this.#given.set(path, version);
    }
    for (const path of this.#given.keys()) if (!seen.has(path) && !this.#seen.has(path) && this.#missed.has(path)) this.#given.delete(path);
    this.#missed = new Set([...this.#given.keys()].filter((path) => !seen.has(path)));
    this.#seen = seen;
    return given;
  }

  #files(): string[] {
    const { files } = this.server;
    return ['/in', '/in/x', '/in/y'].flatMap((folder) => files.names(folder).map((name) => `${folder}/${name}`)).filter((path) => files.get(path)?.kind === 'file');
  }

  #write(path: string): void {
    this.server.write(path, 'x'.repeat(this.#count));
    this.server.file(path).modified = new Date(1_700_000_000_000 + this.#count * 1000);
  }
}

/** What a watch gives of what is there. */
async function settled(watching: Watching): Promise<string[]> {
  await watching.first();
  await watching.pass(INTERVAL);
  await watching.end();
  return watching.given;
}

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  return promise.then(() => expect.fail('it should fail'), (error: Error) => error);
}

/** Listings of the folder that were asked for. */
function listings(server: FtpServer): number {
  return server.commands.filter((command) => /^(MLSD|LIST)/.test(command)).length;
}

function asked(server: FtpServer): string[] {
  return server.commands.filter((command) => /^(SIZE|MDTM)/.test(command));
}

/** A time as `ls` prints it, in UTC. */
function ls(time: Date): string {
  const [, month, day, , clock] = /(\w+) (\d+) (\d+) (\d\d:\d\d)/.exec(`${time.toUTCString().slice(5).replace(/^(\d+) (\w+)/, '$2 $1')}`) ?? [];
  return `${month} ${day} ${clock}`;
}
