import { expect } from 'chai';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { RetryEvent } from '../../lib/transfer/retry';
import { ConnectionClosedError, FTPError, TemporaryError } from '../../lib/errors';
import { failure } from '../support/client';
import { content } from '../support/server/content';
import { gate, turn } from '../support/server/gate';
import { data, hangUp, normal, openData, receiveData, resetControl, send, until } from '../support/server/steps';
import { comesAbout, loginsOf, poolScene, seen } from './pool-scene';

const FILES = Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`/f${index}`, `file ${index}`]));
const NAMES = Object.keys(FILES).map((path) => path.slice(1));

describe('FTPPool that loses a connection', () => {
  const { stage, pool } = poolScene();

  it('drops it silently while nobody has it, and makes another when there is work', async () => {
    const server = await stage.serve({ files: FILES });
    const ours = pool(server, { connections: 3 });
    await Promise.all(NAMES.map((name) => text(ours.retr(name))));
    expect(ours.connections).to.equal(3);
    for (const session of server.sessions) await send('421 Timeout.')(session), await hangUp()(session);
    await comesAbout(() => ours.connections === 0);
    expect(await text(ours.retr('f1'))).to.equal('file 1');
    expect(ours.connections).to.equal(1);
    expect(loginsOf(server)).to.equal(4);
  });

  for (const [name, steps] of [['421', [send('421 Timeout.'), hangUp()]], ['an end', [hangUp()]], ['a reset', [resetControl()]]] as const) {
    it(`takes another for a transfer that finds it dead before its command was sent: ${name}`, async () => {
      const server = await stage.serve({ files: FILES, script: { EPSV: [[normal()], [normal()], [...steps], [normal()]] } });
      const ours = pool(server, { connections: 1 });
      expect(await text(ours.retr('f1'))).to.equal('file 1');
      await pipeline(Readable.from(['up']), ours.stor('new'));
      await pipeline(Readable.from(['again']), ours.stor('new'));
      expect(server.read('/new').toString()).to.equal('again');
      expect(server.commands.filter((line) => line === 'STOR new')).to.have.length(2);
      expect(loginsOf(server)).to.equal(2);
    });
  }

  it('does so for a listing, too', async () => {
    const server = await stage.serve({ files: FILES, script: { EPSV: [[normal()], [resetControl()], [normal()]] } });
    const ours = pool(server, { connections: 1 });
    expect(await ours.list().toArray()).to.have.length(12);
    expect(await ours.list().toArray()).to.have.length(12);
    expect(loginsOf(server)).to.equal(2);
  });

  it('but not for ever', async () => {
    const server = await stage.serve({ files: FILES, script: { EPSV: [resetControl()] } });
    const ours = pool(server, { connections: 2 });
    const errors = await Promise.all(['f1', 'f2', 'f3'].map((name) => failure(text(ours.retr(name)))));
    for (const error of errors) expect(error).to.be.instanceOf(ConnectionClosedError);
    expect(server.commands.filter((line) => line === 'EPSV').length).to.be.at.most(12);
  });

  it('tells whom it has cost a transfer, and goes on with the others', async () => {
    const server = await stage.serve({ files: FILES, script: { RETR: [[openData(), send('150 go'), data('fi'), resetControl()], [normal()]] } });
    const ours = pool(server, { connections: 3 });
    const outcomes = await Promise.allSettled(NAMES.map((name) => text(ours.retr(name))));
    expect(outcomes.filter(({ status }) => status === 'rejected')).to.have.length(1);
    expect((outcomes[0] as PromiseRejectedResult).reason).to.be.instanceOf(ConnectionClosedError);
    expect(server.commands.filter((line) => line.startsWith('RETR'))).to.have.length(12);
  });

  it('retries a download that may be', async () => {
    const server = await stage.serve({ files: { '/f': content(300_000) } });
    server.script = { RETR: [[openData(), send('150 go'), data(server.read('/f').subarray(0, 1000)), resetControl()], [normal()]] };
    const ours = pool(server, { connections: 2 });
    const chunks = await ours.retr('f', { retry: { backoff: 1 } }).toArray();
    expect(Buffer.concat(chunks as Buffer[]).equals(server.read('/f'))).to.equal(true);
    await ours.quit();
  });

  it('retries a download for which no connection could be made', async () => {
    const server = await stage.serve({ files: FILES, script: { GREETING: [[send('421 Later.'), hangUp()], [resetControl()], [send('220 ready')]] } });
    const ours = pool(server, { connections: 2 });
    const retrying = ours.retr('f1', { retry: { backoff: 1 } });
    const retries: number[] = [];
    retrying.on('retry', ({ attempt }: RetryEvent) => retries.push(attempt));
    const other = failure(text(ours.retr('f2')));
    expect(await text(retrying)).to.equal('file 1');
    expect(retries).to.deep.equal([1, 2]);
    expect((await other).reply?.code).to.equal(421);
  });

  for (const end of ['destroy', 'close', 'quit', 'abort'] as const) {
    it(`lets ${end} end the pause of such a download`, async () => {
      const server = await stage.serve({ script: { GREETING: [send('421 Later.'), hangUp()] } });
      const controller = new AbortController();
      const ours = pool(server, { signal: controller.signal });
      const retrying = ours.retr('f1', { retry: { backoff: 1e9, maxDelay: 1e9 } }).resume();
      const closed = new Promise<Error | null>((resolve) => retrying.on('error', () => undefined).once('close', () => resolve(retrying.errored)));
      await once(retrying, 'retry');
      if (end === 'destroy') retrying.destroy();
      else if (end === 'abort') controller.abort();
      else await ours[end]();
      const error = await closed;
      if (end === 'destroy') expect(error).to.equal(null);
      else expect(error).to.be.instanceOf(ConnectionClosedError);
    });
  }

  it('lets close end the pause before the parts of a download', async () => {
    const refused = gate();
    const server = await stage.serve({ script: { GREETING: [send('421 Later.'), (): void => refused.open(), hangUp()] } });
    const ours = pool(server);
    const parts = ours.retr('f1', { segments: 2, retry: { backoff: 1e9, maxDelay: 1e9 } }).resume();
    const failed = once(parts, 'error');
    await refused.promise;
    await server.deserted();
    for (let turns = 0; turns < 20; turns++) await turn();
    ours.close();
    expect((await failed)[0]).to.be.instanceOf(ConnectionClosedError);
  });

  it('never repeats what may have happened', async () => {
    const lost = [resetControl()];
    const server = await stage.serve({ files: FILES, script: { DELE: [lost, [normal()]], STOR: [[openData(), send('150 go'), receiveData(), ...lost], [normal()]] } });
    const ours = pool(server, { connections: 2 });
    expect(await failure(ours.delete('f1'))).to.include({ maybeCompleted: true });
    expect(await failure(pipeline(Readable.from(['up']), ours.stor('new')))).to.include({ maybeCompleted: true });
    expect(server.commands.filter((line) => /^(DELE|STOR)/.test(line))).to.deep.equal(['DELE f1', 'STOR new']);
  });

  it('by a 421 tells one operation, whose connection it was', async () => {
    const server = await stage.serve({ files: FILES, script: { SIZE: [[send('421 Closing.'), hangUp()], [normal()]] } });
    const ours = pool(server, { connections: 2 });
    expect(await failure(ours.size('f1'))).to.be.instanceOf(TemporaryError);
    expect(await ours.size('f2')).to.equal(6);
  });

  it('quits though some are gone', async () => {
    const server = await stage.serve({ files: FILES, script: { QUIT: [[resetControl()], [send('500 What?')], [normal()]] } });
    const ours = pool(server, { connections: 3 });
    const held = gate();
    server.script = { ...server.script, RETR: [until(held), normal()] };
    const contents = NAMES.map((name) => text(ours.retr(name)));
    await seen(server, 'RETR', 3);
    const quit = ours.quit();
    held.open();
    await quit;
    expect(await Promise.all(contents)).to.deep.equal(Object.values(FILES));
    await server.deserted();
  });

  it('sends NOOP on those that nobody has, on request', async () => {
    const server = await stage.serve({ files: FILES });
    const ours = pool(server, { connections: 2, keepAlive: 20 });
    await Promise.all(NAMES.map((name) => text(ours.retr(name))));
    await seen(server, 'NOOP', 4);
    await ours.quit();
    await server.deserted();
  });

  it('closed in the middle of quit, has nothing to quit', async () => {
    const server = await stage.serve({ files: FILES, script: { RETR: [until(gate())] } });
    const ours = pool(server);
    const reading = text(ours.retr('f1')).catch((error: unknown) => error);
    await server.waitFor('RETR f1');
    const quit = ours.quit();
    ours.close();
    await quit;
    expect(await reading).to.be.instanceOf(FTPError);
  });
});
