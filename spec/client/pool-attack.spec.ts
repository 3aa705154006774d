import { expect } from 'chai';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FTPPool } from '../../lib/client/pool';
import { ArgumentError, isFTPError } from '../../lib/errors';
import { describeSeed, random, type Random } from '../support/seed';
import { chunksOf, content } from '../support/server/content';
import type { FtpServer } from '../support/server/ftp-server';
import type { Session } from '../support/server/session';
import { hangUp, resetControl } from '../support/server/steps';
import { loginsOf, poolScene } from './pool-scene';

const SIZES = [0, 1, 100, 5_000, 70_000, 700_000];
const FILES = Object.fromEntries(SIZES.map((size, index) => [`/f${index}`, content(size)]));
/** What an operation may end with, besides its success. */
type Outcome = 'done' | 'lost' | 'left' | 'refused';

/** Many operations on one pool, some of which are left, on a server that drops connections. */
class Attack {
  readonly #pool: FTPPool;
  readonly #server: FtpServer;
  readonly #random: Random;
  #wrong: string[] = [];

  constructor(pool: FTPPool, server: FtpServer, generator: Random) {
    this.#pool = pool;
    this.#server = server;
    this.#random = generator;
  }

  /** Operations that claim what is not so. */
  get wrong(): readonly string[] {
    return this.#wrong;
  }

  async one(index: number): Promise<Outcome> {
    const { pick, int } = this.#random;
    const file = int(SIZES.length);
    const kind = pick(['retr', 'retr', 'retr', 'stor', 'copy', 'list', 'size', 'nested', 'leave'] as const);
    try {
      await this.#do(kind, file, index);
      return 'done';
    } catch (error) {
      if ((error as Error).name === 'AbortError' || (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE') return 'left';
      if (!isFTPError(error)) throw error;
      return error instanceof ArgumentError ? 'refused' : 'lost';
    }
  }

  async #do(kind: 'retr' | 'stor' | 'copy' | 'list' | 'size' | 'nested' | 'leave', file: number, index: number): Promise<void> {
    const pool = this.#pool;
    const name = `f${file}`;
    const target = `t${index}`;
    switch (kind) {
      case 'retr':
        return this.#claim(kind, (await bytesOf(pool.retr(name))) === SIZES[file]);
      case 'stor':
        await pipeline(chunksOf(content(SIZES[file] ?? 0)), pool.stor(target));
        return this.#claim(kind, this.#server.file(`/${target}`).content.size === SIZES[file]);
      case 'copy':
        await pipeline(pool.retr(name), pool.stor(target));
        return this.#claim(kind, this.#server.read(`/${target}`).equals(this.#server.read(`/${name}`)));
      case 'list':
        return this.#claim(kind, (await pool.list().toArray()).length >= SIZES.length);
      case 'size':
        return this.#claim(kind, (await pool.size(name)) === SIZES[file]);
      case 'nested':
        for await (const entry of pool.list()) if (entry.name === name) this.#claim(kind, (await bytesOf(pool.retr(name))) === SIZES[file]);
        return;
      case 'leave':
        return this.#leave(name, target);
    }
  }

  /** Destroys a stream before its turn, in it, or in the middle of its data. */
  async #leave(name: string, target: string): Promise<void> {
    const stream: Readable | Writable = this.#random.int(2) === 0 ? this.#pool.retr(name) : this.#pool.stor(target);
    const closed = new Promise((resolve) => stream.on('error', () => undefined).once('close', resolve));
    if ('read' in stream) stream.resume();
    else stream.write('some');
    for (let turns = this.#random.int(40); turns > 0 && !stream.destroyed; turns--) await new Promise(setImmediate);
    stream.destroy();
    await closed;
  }

  #claim(kind: string, true_: boolean): void {
    if (!true_) this.#wrong.push(kind);
  }
}

describe('FTPPool under attack', () => {
  const { stage, pool } = poolScene();

  for (const [name, drops, ending] of [['nothing but cancelling', 0, 'quit'], ['dropped connections', 12, 'quit'], ['dropped connections, and a close in the middle', 12, 'close'], ['a quit in the middle', 3, 'early quit']] as const) {
    it(`bears ${name}`, async () => {
      const generator = random(20_270_401);
      for (let round = 0; round < 3; round++) {
        const connections = 1 + generator.int(6);
        const server = await stage.serve({ files: FILES });
        const ours = pool(server, { connections });
        const attack = new Attack(ours, server, generator);
        const operations = Array.from({ length: 80 }, (_, index) => attack.one(index));
        const over = Promise.all(operations);
        over.catch(() => undefined);
        for (let drop = 0; drop < drops; drop++) await dropOne(server, generator, over);
        if (ending === 'close') ours.close();
        if (ending === 'early quit') await ours.quit();
        const outcomes = await over;
        const hint = `round ${round}, ${connections} connections ${describeSeed(generator.seed)}`;
        expect(attack.wrong, hint).to.deep.equal([]);
        if (drops === 0) expect(outcomes, hint).not.to.include('lost');
        if (connections > 1) expect(outcomes, hint).not.to.include('refused');
        expect(loginsOf(server), hint).to.be.at.most(connections + drops + 80);
        if (ending === 'quit') expect(await bytesOf(ours.retr('f3', { retry: { backoff: 1 } })), hint).to.equal(SIZES[3]);
        await ours.quit();
        await server.deserted();
        await server.idle();
      }
    });
  }
});

/** Node never closes a socket that is reset while its end is on the way. */
const dropped = new WeakSet<Session>();

/** Drops a connection after the next command, or some later one, while operations go on. */
async function dropOne(server: FtpServer, { int, pick }: Random, over: Promise<unknown>): Promise<void> {
  const controller = new AbortController();
  const { signal } = controller;
  over.then(() => controller.abort(), () => controller.abort());
  for (let commands = 1 + int(8); commands > 0 && !signal.aborted; commands--) await once(server, 'command', { signal }).catch(() => undefined);
  const session = pick([...server.sessions].filter((each) => !dropped.has(each)));
  if (!session) return;
  dropped.add(session);
  await pick([resetControl(), hangUp()])(session);
}

async function bytesOf(stream: Readable): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream) bytes += (chunk as Buffer).length;
  return bytes;
}
