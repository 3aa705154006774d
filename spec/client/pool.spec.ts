import { expect } from 'chai';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { FTP } from '../../lib/client/ftp';
import { FTPPool } from '../../lib/client/pool';
import { ArgumentError, PermanentError } from '../../lib/errors';
import { failure } from '../support/client';
import { content } from '../support/server/content';
import { gate, turn } from '../support/server/gate';
import { data, dataEnd, normal, openData, send, until } from '../support/server/steps';
import { loginsOf, poolScene, seen } from './pool-scene';

const FILES = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`/f${index}`, `file ${index}`]));
const NAMES = Object.keys(FILES).map((path) => path.slice(1));

describe('FTPPool', () => {
  const { stage, pool } = poolScene();

  it('checks its options before any I/O', () => {
    for (const connections of [0, -1, 1.5, NaN, '4' as unknown as number]) expect(() => new FTPPool({ connections })).to.throw(ArgumentError, /connections/);
    expect(() => new FTPPool({ port: -1 })).to.throw(ArgumentError);
    expect(() => new FTPPool('http://host/')).to.throw(ArgumentError);
  });

  it('and a client refuse the arguments of Python, with which the login would be anonymous', () => {
    for (const Client of [FTP, FTPPool] as unknown as (new (...given: string[]) => unknown)[]) {
      expect(() => new Client('host', 'user', 'secret')).to.throw(ArgumentError, '{ host, user, password }').with.property('message').that.does.not.include('secret');
    }
  });

  it('takes a URL', async () => {
    const server = await stage.serve({ files: FILES });
    for (const url of [server.url, new URL(server.url)]) {
      const ours = new FTPPool(url);
      expect(await text(ours.retr('f1'))).to.equal('file 1');
      await ours.quit();
    }
  });

  for (const end of ['goes on', 'quits'] as const) {
    it(`${end} after an operation that was left while the connection had the 226 of the one before to come`, async () => {
      const done = gate();
      const server = await stage.serve({ files: FILES });
      const ours = pool(server, { connections: 1 });
      await text(ours.retr('f1'));
      server.script = { RETR: [[openData(), send('150 Here.'), data('e 1'), dataEnd(), until(done), send('226 Done.')], [normal()]] };
      const first = ours.retr('f1', { start: 3 });
      const whole = text(first);
      const left = ours.retr('f2').resume(); // its REST 0 waits for the 226
      await once(first, 'data');
      for (let turns = 0; turns < 10; turns++) await turn();
      left.destroy();
      const next = end === 'quits' ? ours.quit() : text(ours.retr('f3'));
      for (let turns = 0; turns < 10; turns++) await turn();
      done.open();
      expect(await whole).to.equal('e 1');
      expect(await next).to.equal(end === 'quits' ? undefined : 'file 3');
      expect(loginsOf(server)).to.equal(1);
    });
  }

  it('keeps the options that it was made with', async () => {
    const server = await stage.serve({ files: FILES });
    const options = { host: server.host, port: server.port, user: 'user', password: 'secret' };
    const ours = new FTPPool(options);
    options.password = 'changed';
    expect(await text(ours.retr('f1'))).to.equal('file 1');
    await ours.quit();
  });

  it('has the events of its connections, with their numbers and without secrets', async () => {
    const server = await stage.serve({ files: FILES });
    const ours = pool(server, { connections: 2 });
    const said: string[] = [];
    ours.on('command', (line, connection) => said.push(`${connection}> ${line}`));
    ours.on('reply', ({ code }, connection) => said.push(`${connection}< ${code}`));
    ours.on('close', (error, connection) => said.push(`${connection} closed ${error?.message ?? 'by us'}`));
    await Promise.all([text(ours.retr('f1')), text(ours.retr('f2'))]);
    await ours.quit();
    for (const connection of [1, 2]) {
      expect(said).to.include.members([`${connection}> USER user`, `${connection}> PASS ****`, `${connection}< 230`, `${connection}> QUIT`, `${connection}< 221`]);
      expect(said.filter((line) => line === `${connection} closed by us`)).to.have.lengthOf(1);
    }
    expect(said.join()).not.to.include('secret');
  });

  describe('connections', () => {
    it('are not made before there is work', async () => {
      const server = await stage.serve({ files: FILES });
      const ours = pool(server);
      ours.retr('f1');
      ours.stor('new');
      ours.list();
      await turn();
      expect(server.connections.control).to.equal(0);
      expect(ours.connections).to.equal(0);
    });

    it('one is used again while it is free', async () => {
      const server = await stage.serve({ files: FILES });
      const ours = pool(server);
      for (const name of NAMES) expect(await text(ours.retr(name))).to.equal(FILES[`/${name}`]);
      expect(loginsOf(server)).to.equal(1);
      expect(ours.connections).to.equal(1);
    });

    it('are at most as many as were asked for, and all work at a time', async () => {
      const open = gate();
      const server = await stage.serve({ files: FILES, script: { RETR: [until(open), normal()] } });
      const ours = pool(server, { connections: 3 });
      const contents = Promise.all(NAMES.map((name) => text(ours.retr(name))));
      await seen(server, 'RETR', 3);
      await turn();
      expect(server.connections.control).to.equal(3);
      open.open();
      expect(await contents).to.deep.equal(Object.values(FILES));
      expect(loginsOf(server)).to.equal(3);
    });

    it('are 4 by default', async () => {
      const server = await stage.serve({ files: FILES });
      const ours = pool(server);
      await Promise.all(NAMES.map((name) => text(ours.retr(name))));
      expect(ours.connections).to.equal(4);
    });

    it('that owe a reply are passed over while another owes none', async () => {
      const server = await stage.serve({ files: FILES });
      const ours = pool(server, { connections: 3 });
      while (loginsOf(server) < 3) await Promise.all([1, 2, 3].map(() => ours.list('/').toArray()));
      const rest = gate();
      server.script = { MKD: [until(rest), normal()] };
      const slow = ours.mkd('/slow');
      for (let i = 0; i < 6; i++) expect(await text(ours.retr('f1'))).to.equal('file 1');
      for (let i = 0; i < 6; i++) expect(await ours.size('f1')).to.equal(6);
      expect(server.files.has('/slow')).to.equal(false);
      rest.open();
      expect(await slow).to.equal('/slow');
    });

    it('begin the next download when the data of the one before have ended, not with its 226', async () => {
      const server = await stage.serve({ files: FILES });
      const ours = pool(server, { connections: 1 });
      await text(ours.retr('f0'));
      const since = server.mark();
      const next = (): Promise<string> => server.waitFor('EPSV', server.commands.indexOf('RETR f1'));
      server.script = { RETR: [[send('150 go'), openData(), data('file 1'), dataEnd(), until(next), send('226 done')], [normal()]] };
      const contents = await Promise.all(['f1', 'f2'].map((name) => text(ours.retr(name))));
      expect(contents).to.deep.equal(['file 1', 'file 2']);
      expect(server.commands.slice(since)).to.deep.equal(['EPSV', 'RETR f1', 'EPSV', 'RETR f2']);
    });
  });

  describe('work', () => {
    it('is done in the order of the calls', async () => {
      const server = await stage.serve({ files: FILES });
      const ours = pool(server, { connections: 2 });
      await Promise.all([...NAMES].map((name) => text(ours.retr(name))));
      const retrieved = server.commands.filter((line) => line.startsWith('RETR')).map((line) => NAMES.indexOf(line.slice(5)));
      for (const [index, place] of retrieved.entries()) expect(Math.abs(index - place), retrieved.join()).to.be.below(3);
    });

    it('has every verb of a client', async () => {
      const server = await stage.serve({ files: { '/a': 'one\r\ntwo\r\n', '/folder/b': 'b' } });
      const ours = pool(server, { connections: 2 });
      expect((await ours.list().toArray()).map(({ name }) => name)).to.have.members(['a', 'folder']);
      expect((await ours.mlsd('folder').toArray()).map(({ name }) => name)).to.deep.equal(['b']);
      expect(await ours.nlst('folder').toArray()).to.deep.equal(['b']);
      expect(await ours.dir('folder').toArray()).to.have.length(1);
      expect(await ours.retrlines('RETR a').toArray()).to.deep.equal(['one', 'two']);
      expect(await text(ours.retrbinary('RETR a'))).to.equal('one\r\ntwo\r\n');
      expect(await ours.mlst('a')).to.include({ name: 'a', size: 10 });
      expect(await ours.size('a')).to.equal(10);
      expect(await ours.mdtm('a')).to.be.instanceOf(Date);
      expect((await ours.feat()).has('MLST')).to.equal(true);
      await pipeline(Readable.from(['up']), ours.stor('new'));
      await pipeline(Readable.from(['more']), ours.appe('new'));
      await pipeline(Readable.from(['raw']), ours.storbinary('STOR raw'));
      await pipeline(Readable.from(['1\n2']), ours.storlines('STOR lines'));
      const unique = ours.stou();
      await pipeline(Readable.from(['unique']), unique);
      expect(server.read(`/${unique.storedAs ?? ''}`).toString()).to.equal('unique');
      expect(server.read('/new').toString()).to.equal('upmore');
      expect(server.read('/lines').toString()).to.equal('1\n2');
      expect(await ours.mkd('made')).to.equal('/made');
      await ours.rename('new', 'made/renamed');
      await ours.mfmt('made/renamed', new Date(0));
      expect((await ours.mdtm('made/renamed')).getTime()).to.equal(0);
      await ours.delete('made/renamed');
      await ours.rmd('made');
      for (const reply of [ours.noop(), ours.syst(), ours.stat(), ours.help()]) expect((await reply).kind).to.equal('completion');
      expect((await failure(ours.size('missing'))).reply?.code).to.equal(550);
    });

    it('knows by the listing of one connection what a name is on another', async () => {
      const server = await stage.serve({ encoding: 'latin1', files: { '/caf\xe9': 'latin1' } });
      const ours = pool(server, { connections: 3 });
      const [entry] = await ours.list().toArray();
      const contents = await Promise.all([1, 2, 3].map(() => text(ours.retr(entry?.name ?? ''))));
      expect(contents).to.deep.equal(['latin1', 'latin1', 'latin1']);
      expect(ours.connections).to.equal(3);
    });

    it('may be nested, on any number of connections', async () => {
      const server = await stage.serve({ files: { ...FILES, '/big': content(5_000_000) } });
      for (const connections of [1, 2, 4]) {
        const ours = pool(server, { connections });
        let bytes = 0;
        for await (const { name } of ours.list()) {
          for await (const chunk of ours.retr(name)) bytes += chunk.length;
        }
        expect(bytes).to.equal(5_000_000 + Object.values(FILES).join('').length);
        await ours.quit();
      }
    });

    it('that is left before its turn is out of the line', async () => {
      const open = gate();
      const server = await stage.serve({ files: FILES, script: { RETR: [until(open), normal()] } });
      const ours = pool(server, { connections: 1 });
      const first = text(ours.retr('f1'));
      const left = ours.retr('f2').resume();
      const third = text(ours.retr('f3'));
      await server.waitFor('RETR f1');
      left.destroy();
      await once(left, 'close');
      open.open();
      expect(await Promise.all([first, third])).to.deep.equal(['file 1', 'file 3']);
      expect(server.commands).not.to.include('RETR f2');
    });

    it('a stream that nobody reads holds no connection', async () => {
      const server = await stage.serve({ files: FILES });
      const ours = pool(server, { connections: 1 });
      const unread = ours.retr('f1');
      const written = ours.stor('never');
      expect(await text(ours.retr('f2'))).to.equal('file 2');
      expect(await text(unread)).to.equal('file 1');
      written.destroy();
    });

    it('of ten thousand downloads costs no more connections', async () => {
      const server = await stage.serve({ files: FILES });
      const ours = pool(server, { connections: 4 });
      const streams = Array.from({ length: 10_000 }, (_, index) => ours.retr(`f${index % 20}`));
      await turn();
      expect(server.connections.control).to.equal(0);
      for (const stream of streams.slice(0, 9800)) stream.destroy();
      const contents = await Promise.all(streams.slice(9800).map((stream) => text(stream)));
      expect(contents.every((each, index) => each === `file ${(9800 + index) % 20}`)).to.equal(true);
      expect(loginsOf(server)).to.equal(4);
    });
  });

  describe('the login', () => {
    it('with a wrong password fails everything that waits, with the server’s word', async () => {
      const server = await stage.serve({ files: FILES });
      const ours = pool(server, { password: 'wrong' });
      const errors = await Promise.all(NAMES.map((name) => failure(text(ours.retr(name)))));
      for (const [index, error] of errors.entries()) {
        expect(error).to.be.instanceOf(PermanentError);
        expect(error.reply?.code).to.equal(530);
        expect(error.command).to.equal('PASS ****');
        expect(error.phase).to.equal('login');
        expect(errors.indexOf(error)).to.equal(index);
      }
      expect(loginsOf(server)).to.equal(1);
    });
  });
});
