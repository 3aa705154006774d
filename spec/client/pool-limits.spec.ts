import { expect } from 'chai';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { ArgumentError, ConnectionClosedError, PermanentError, TemporaryError } from '../../lib/errors';
import { failure, NOBODY } from '../support/client';
import { content } from '../support/server/content';
import { gate } from '../support/server/gate';
import type { Act, Script, Step } from '../support/server/script';
import { hangUp, normal, resetControl, send, until } from '../support/server/steps';
import { comesAbout, loginsOf, poolScene, seen } from './pool-scene';

const FILES = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`/f${index}`, `file ${index}`]));
const NAMES = Object.keys(FILES).map((path) => path.slice(1));

/** Refuses whoever comes while so many others are there. */
function full(most: number, ...refusal: Step[]): Act {
  return unlessFull(most, normal(), ...refusal);
}

function unlessFull(most: number, otherwise: Step, ...refusal: Step[]): Act {
  return async (session) => {
    for (const step of session.server.connections.control > most ? refusal : [otherwise]) await step(session);
  };
}

/** How servers refuse a connection that is one too many; in each, two are borne. */
const REFUSALS: Readonly<Record<string, Script>> = {
  '421 in place of the greeting': { GREETING: unlessFull(2, send('220 ready'), send('421 Too many connections (2) from this IP'), hangUp()) },
  '421 to USER': { USER: full(2, send('421 There are too many connected users, please try later.'), hangUp()) },
  '530 to PASS': { PASS: full(2, send('530 Sorry, the maximum number of clients (2) for this user are already connected.')) },
  'a reset': { GREETING: unlessFull(2, send('220 ready'), resetControl()) },
};

describe('FTPPool where the server has a limit', () => {
  const { stage, pool } = poolScene();

  for (const [name, script] of Object.entries(REFUSALS)) {
    it(`works with the connections that it gets: ${name}`, async () => {
      const server = await stage.serve({ files: FILES, script });
      const ours = pool(server, { connections: 8 });
      const contents = await Promise.all(NAMES.map((each) => text(ours.retr(each))));
      expect(contents).to.deep.equal(Object.values(FILES));
      expect(ours.connections).to.equal(2);
    });
  }

  it('fails with its word when the first connection is refused, which is tried alone', async () => {
    const server = await stage.serve({ files: FILES, script: { PASS: [['530 Login incorrect.'], ['421 Too many']] } });
    const ours = pool(server, { connections: 3 });
    const errors = await Promise.all(NAMES.map((each) => failure(text(ours.retr(each)))));
    for (const error of errors) {
      expect(error).to.be.instanceOf(PermanentError);
      expect(error.message).to.equal('PASS ****: 530 Login incorrect.');
    }
    expect(loginsOf(server)).to.equal(1);
  });

  it('finds out how many it gets where those that are tried at the same time are in each other’s way', async () => {
    const both = gate();
    const server = await stage.serve({ files: FILES, script: { PASS: [[normal()], [until(both), send('530 Too many')], [until(both), send('530 Too many')], [normal()]] } });
    const ours = pool(server, { connections: 3 });
    const held = gate();
    server.script = { ...server.script, RETR: [until(held), normal()] };
    const contents = Promise.all(NAMES.map((each) => text(ours.retr(each))));
    await seen(server, 'PASS', 3);
    both.open();
    await seen(server, 'PASS', 5); // one by one, as many as there may be
    held.open();
    expect(await contents).to.deep.equal(Object.values(FILES));
    expect(ours.connections).to.equal(3);
  });

  it('fails with the reason when nobody listens', async () => {
    const ours = pool(NOBODY, { connections: 3 });
    for (const error of await Promise.all([failure(ours.size('f')), failure(text(ours.retr('g'))), failure(ours.mkd('h'))])) {
      expect(error).to.be.instanceOf(ConnectionClosedError);
      expect(error.message).to.include('ECONNREFUSED');
      expect(error.phase).to.equal('connect');
    }
  });

  it('tries again when it is used again', async () => {
    const server = await stage.serve({ files: FILES, script: { PASS: [['530 Login incorrect.'], [normal()]] } });
    const ours = pool(server, { connections: 1 });
    expect((await failure(text(ours.retr('f1')))).reply?.code).to.equal(530);
    expect(await text(ours.retr('f1'))).to.equal('file 1');
  });

  it('that still counts a connection which was lost is asked again, after a pause', async () => {
    const server = await stage.serve({ files: FILES });
    const ours = pool(server, { connections: 2 });
    expect(await text(ours.retr('f1'))).to.equal('file 1');
    server.script = { GREETING: [[send('421 Too many'), hangUp()], [send('421 Too many'), hangUp()], [send('220 ready')]] };
    for (const session of server.sessions) await resetControl()(session);
    await comesAbout(() => ours.connections === 0);
    expect(await text(ours.retr('f2'))).to.equal('file 2');
  });

  it('and has none to spare for longer than connectTimeout is an error', async () => {
    const server = await stage.serve({ files: FILES });
    const ours = pool(server, { connectTimeout: 250 });
    expect(await text(ours.retr('f1'))).to.equal('file 1');
    server.script = { GREETING: [send('421 Too many'), hangUp()] };
    for (const session of server.sessions) await resetControl()(session);
    await comesAbout(() => ours.connections === 0);
    const errors = await Promise.all([failure(text(ours.retr('f2'))), failure(ours.size('f3'))]);
    for (const error of errors) expect(error).to.be.instanceOf(TemporaryError);
  });

  it('a pause leaves no timer behind those who left', async () => {
    const server = await stage.serve({ files: FILES });
    const ours = pool(server);
    expect(await text(ours.retr('f1'))).to.equal('file 1');
    let refused = 0;
    server.script = { GREETING: async (session) => (refused++, await send('421 Too many')(session), hangUp()(session)) };
    for (const session of server.sessions) await resetControl()(session);
    await comesAbout(() => ours.connections === 0);
    const waiting = ours.retr('f2').resume();
    await comesAbout(() => refused > 0);
    await server.deserted();
    waiting.destroy();
    await once(waiting, 'close');
  });

  describe('a copy', () => {
    it('within the pool takes two connections', async () => {
      const server = await stage.serve({ files: { '/big': content(3_000_000) } });
      const ours = pool(server, { connections: 2 });
      await pipeline(ours.retr('big'), ours.stor('copy'));
      expect(server.read('/copy').equals(server.read('/big'))).to.equal(true);
    });

    it('is refused at once in a pool of one', async () => {
      const server = await stage.serve({ files: FILES });
      const ours = pool(server, { connections: 1 });
      const error = await failure(pipeline(ours.retr('f1'), ours.stor('copy')));
      expect(error).to.be.instanceOf(ArgumentError);
      expect(server.connections.control).to.equal(0);
    });

    it('into more uploads than there are connections is refused at once', async () => {
      const server = await stage.serve({ files: FILES });
      const ours = pool(server, { connections: 2 });
      const source = ours.retr('f1');
      const [one, two] = [ours.stor('one'), ours.stor('two')];
      source.pipe(one);
      source.pipe(two);
      const [error] = (await once(two, 'error')) as [Error];
      expect(error).to.be.instanceOf(ArgumentError);
      source.destroy();
      one.destroy();
    });

    for (const connections of [2, 3, 4]) {
      for (const order of ['in pairs', 'downloads first', 'uploads first'] as const) {
        it(`of ten files at a time, ${order}, on ${connections} connections`, async () => {
          const files = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`/b${index}`, content(1_500_000 + index)]));
          const server = await stage.serve({ files });
          const ours = pool(server, { connections });
          const numbers = Array.from({ length: 10 }, (_, index) => index);
          const sources = order === 'downloads first' ? numbers.map((number) => ours.retr(`b${number}`)) : [];
          const targets = order === 'uploads first' ? numbers.map((number) => ours.stor(`c${number}`)) : [];
          await Promise.all(numbers.map((number) => pipeline(sources[number] ?? ours.retr(`b${number}`), targets[number] ?? ours.stor(`c${number}`))));
          for (const number of numbers) expect(server.read(`/c${number}`).equals(server.read(`/b${number}`))).to.equal(true);
        });
      }
    }

    for (const order of ['download', 'upload'] as const) {
      it(`where the server bears one connection is an error and no deadlock, the ${order} called first`, async () => {
        const server = await stage.serve({ files: { ...FILES, '/big': content(5_000_000) }, script: { PASS: full(1, send('530 Too many')) } });
        const ours = pool(server, { connections: 4 });
        const early = order === 'upload' ? ours.stor('copy') : undefined;
        const error = await failure(pipeline(ours.retr('big'), early ?? ours.stor('copy')));
        expect(error).to.be.instanceOf(ConnectionClosedError);
        expect(error.message).to.include('needs a connection of its own, and there is only 1');
        expect((error.cause as PermanentError).reply?.code).to.equal(530);
        expect(await text(ours.retr('f1'))).to.equal('file 1');
      });
    }

    it('on one connection is fine while the file fits into memory', async () => {
      const server = await stage.serve({ files: FILES, script: { PASS: full(1, send('530 Too many')) } });
      const ours = pool(server, { connections: 2 });
      await pipeline(ours.retr('f1'), ours.stor('copy'));
      expect(server.read('/copy').toString()).to.equal('file 1');
    });
  });
});
