import { expect } from 'chai';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { ConnectionClosedError } from '../../lib/errors';
import { failure } from '../support/client';
import { gate } from '../support/server/gate';
import { hangUp, send, until } from '../support/server/steps';
import { poolScene } from './pool-scene';

const FILES = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`/f${index}`, `file ${index}`]));
const NAMES = Object.keys(FILES).map((path) => path.slice(1));

describe('the end of an FTPPool', () => {
  const { stage, pool } = poolScene();

  it('quit comes after everything in use, on all connections', async () => {
    const server = await stage.serve({ files: FILES });
    const ours = pool(server, { connections: 3 });
    const contents = NAMES.map((name) => text(ours.retr(name)));
    await ours.quit();
    expect(await Promise.all(contents)).to.deep.equal(Object.values(FILES));
    expect(server.commands.filter((line) => line === 'QUIT')).to.have.length(3);
    expect(ours.connections).to.equal(0);
    await server.deserted();
  });

  it('quit waits for what is being piped in this very turn, and fails what nobody uses', async () => {
    const server = await stage.serve({ files: FILES });
    const ours = pool(server);
    const unread = ours.retr('f2');
    const piped = pipeline(ours.retr('f1'), ours.stor('copy'));
    const later = ours.retr('f3');
    await ours.quit();
    await piped;
    expect(server.read('/copy').toString()).to.equal('file 1');
    expect((await failure(text(unread))).message).to.equal('RETR f2: the pool has quit');
    expect(await text(later).catch((error: Error) => error)).to.be.instanceOf(ConnectionClosedError);
  });

  it('quit waits for no reader who waits for it: a listing that has paused is read ahead', async () => {
    const server = await stage.serve({ files: Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`/f${index}`, 'x'])) });
    const ours = pool(server, { connections: 2 });
    await Promise.all(['f1', 'f2', 'f3'].map((name) => text(ours.retr(name))));
    expect(ours.connections).to.equal(2);
    let quit: Promise<void> | undefined;
    let entries = 0;
    for await (const { name } of ours.list()) {
      if (entries++ < 3) expect(await text(ours.retr(name))).to.equal('x');
      else quit ??= ours.quit();
    }
    await quit;
    expect(entries).to.equal(5000);
  });

  it('quit without a connection does nothing', async () => {
    const server = await stage.serve();
    await pool(server).quit();
    expect(server.commands).to.deep.equal([]);
  });

  for (const end of ['quit', 'close', 'dispose'] as const) {
    it(`a pool is over after ${end}: late verbs fail, and connect no more`, async () => {
      const server = await stage.serve({ files: FILES });
      const ours = pool(server);
      expect(await text(ours.retr('f1'))).to.equal('file 1');
      const before = ours.retr('f2');
      await (end === 'dispose' ? ours[Symbol.asyncDispose]() : ours[end]());
      expect(before.errored).to.be.instanceOf(ConnectionClosedError);
      for (const late of [() => ours.noop(), () => text(ours.retr('f3')), () => ours.get('f3', 'never'), () => ours.walk().toArray()]) {
        expect(await failure(late())).to.be.instanceOf(ConnectionClosedError);
      }
      await ours.quit();
      expect(server.commands.filter((line) => line.startsWith('USER'))).to.have.length(1);
    });
  }

  it('close fails what is under way, what waits and what nobody uses, each with an error of its own', async () => {
    const server = await stage.serve({ files: FILES, script: { RETR: [until(gate())] } });
    const ours = pool(server, { connections: 2 });
    const reading = ['f1', 'f2', 'f3'].map((name) => failure(text(ours.retr(name))));
    const unused = ours.retr('f4');
    await server.waitFor('RETR f2');
    ours.close();
    const errors = await Promise.all([...reading, failure(text(unused))]);
    for (const [index, error] of errors.entries()) {
      expect(error).to.be.instanceOf(ConnectionClosedError);
      expect(error.message).to.include(`RETR f${index + 1}`);
    }
  });

  it('close ends connections that are being made', async () => {
    const server = await stage.serve({ files: FILES, script: { GREETING: [until(gate())] } });
    const ours = pool(server, { connections: 2 });
    const reading = ['f1', 'f2'].map((name) => failure(text(ours.retr(name))));
    await once(server, 'session');
    ours.close();
    for (const error of await Promise.all(reading)) expect(error.message).to.include('the pool was closed');
    await server.deserted();
  });

  for (const end of ['quit', 'close'] as const) {
    it(`${end} reaches a connection that was being made again for a download which was left meanwhile`, async () => {
      const greeting = gate();
      const server = await stage.serve({ files: FILES, script: { GREETING: [[send('220 Ready.')], [until(greeting), send('220 Ready.')]], RETR: [hangUp()] } });
      const ours = pool(server, { connections: 1 });
      const leaving = new AbortController();
      const reading = text(ours.retr('f1', { retry: { backoff: 1 }, signal: leaving.signal })).catch((error: Error) => error.name);
      await server.waitFor('RETR f1');
      await once(server, 'session');
      leaving.abort();
      expect(await reading).to.equal('AbortError');
      greeting.open();
      await ours[end]();
      await server.deserted();
    });
  }

  it('await using quits where all is done', async () => {
    const server = await stage.serve({ files: FILES });
    const ours = pool(server, { connections: 2 });
    expect(await Promise.all(['f1', 'f2'].map((name) => text(ours.retr(name))))).to.deep.equal(['file 1', 'file 2']);
    await ours[Symbol.asyncDispose]();
    expect(server.commands.filter((line) => line === 'QUIT')).to.have.length(2);
  });

  it('await using ends what is unfinished, so that an exception leaves the block', async () => {
    const server = await stage.serve({ files: FILES });
    const ours = pool(server);
    const upload = ours.stor('up');
    const failed = failure(new Promise((_, reject) => upload.once('error', reject)));
    upload.write('some');
    await once(upload, 'open');
    await ours[Symbol.asyncDispose]();
    expect(await failed).to.be.instanceOf(ConnectionClosedError);
    await server.deserted();
  });

  it('the signal of the options closes it, and what is called afterwards fails', async () => {
    const server = await stage.serve({ files: FILES, script: { RETR: [until(gate())] } });
    const controller = new AbortController();
    const ours = pool(server, { signal: controller.signal, connections: 12 });
    const unread = ours.retr('f19', { retry: true });
    const reading = NAMES.slice(0, 12).map((name) => failure(text(ours.retr(name))));
    await server.waitFor('RETR f11');
    controller.abort();
    for (const error of await Promise.all([...reading, failure(text(unread))])) expect(error.message).to.include('the pool was aborted');
    expect((await failure(text(ours.retr('f1', { retry: true })))).message).to.include('the pool was aborted');
    expect((await failure(text(ours.retr('f1')))).message).to.include('the pool was aborted');
  });
});
