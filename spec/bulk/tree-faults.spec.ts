import { expect } from 'chai';
import { mirror, type MirrorOptions } from '../../lib/bulk/mirror';
import { FTPPool, isFTPError } from '../../lib/index';
import { FaultProxy, type Plan } from '../support/fault-proxy';
import { assertNoLeaks, snapshot } from '../support/leaks';
import { describeSeed, random, type Random } from '../support/seed';
import { FtpServer } from '../support/server/ftp-server';
import { note } from '../support/summary';
import { Scratch } from './tree-scratch';

const TREES = 40;
const CONNECTIONS = 3;
const FILES = 12;

type Files = Readonly<Record<string, string>>;

/** A tree on one side of a proxy, and what comes of it on the other. */
interface Trial {
  readonly files: Files;
  readonly proxy: FaultProxy;
  readonly options: MirrorOptions;
  /** The files on the other side. */
  arrived(): Promise<Files>;
}

/** What happened in all trials. */
interface Tally {
  cuts: number;
  told: number;
  errors: number;
}

describe('mirror() through a network that cuts', () => {
  const scratch = new Scratch();

  for (const [way, retry] of [['down', false], ['up', false], ['down', true], ['up', true]] as const) {
    it(`${TREES} trees ${way}, ${retry ? 'with' : 'without'} retry: what is told to be there is whole, nothing is half there, and another run completes it`, async () => {
      const before = await snapshot();
      const chance = random((way === 'up' ? 20_261_126 : 20_261_125) + (retry ? 10 : 0));
      const tally: Tally = { cuts: 0, told: 0, errors: 0 };
      for (let tree = 0; tree < TREES; tree++) {
        const files = filesOf(chance);
        const server = await FtpServer.start({ files: way === 'down' ? Object.fromEntries(Object.entries(files).map(([path, text]) => [`/top/${path}`, text])) : {} });
        const proxy = await FaultProxy.open(server);
        const pool = new FTPPool({ host: '127.0.0.1', port: proxy.port, user: 'user', password: 'secret', connections: CONNECTIONS, timeout: 2000 });
        const [remote, local] = [{ client: pool, path: '/top' }, scratch.path(`tree-${tree}`)];
        if (way === 'up') await scratch.put(`tree-${tree}`, files);
        await attempt({
          files,
          proxy,
          options: { ...(way === 'down' ? { from: remote, to: local } : { from: local, to: remote }), continueOnError: true, retry: retry && { attempts: 8, backoff: 0 } },
          arrived: () => (way === 'down' ? scratch.tree(`tree-${tree}`).catch(() => ({})) : Promise.resolve(uploaded(server))),
        }, chance, tally).catch((error: Error) => expect.fail(`tree ${tree}, ${describeSeed(chance.seed)}: ${error.stack}`));
        pool.close();
        expect(await proxy.close(), 'sockets left open').to.equal(0);
        await server.close();
      }
      await assertNoLeaks(before);
      note('faults', `${TREES} trees of ${FILES} files ${way}${retry ? ' with retry' : ''}, ${tally.cuts} cuts: ${tally.told} files in the first run, ${tally.errors} errors`);
      expect(tally.cuts).to.be.greaterThan(TREES / 2);
      if (retry) expect(tally.errors).to.be.lessThan(tally.cuts / 2);
    });
  }
});

/** A run with cuts, at each of which nothing may be half there, and one without. */
async function attempt({ files, proxy, options, arrived }: Trial, chance: Random, tally: Tally): Promise<void> {
  const told: string[] = [];
  proxy.arm(cut(chance));
  try {
    for await (const { action, path, error } of mirror(options)) {
      if (error) judge(error, tally);
      if (action === 'downloaded' || action === 'uploaded') told.push(path);
      if (!proxy.fired) continue;
      tally.cuts += 1;
      proxy.arm(chance.int(3) ? cut(chance) : undefined);
      assertWhole(files, await arrived(), []);
    }
  } catch (error) {
    judge(error, tally);
  }
  proxy.arm();
  tally.told += told.length;
  assertWhole(files, await arrived(), told);
  for await (const { error } of mirror(options)) if (error) throw error;
  assertWhole(files, await arrived(), Object.keys(files));
}

function judge(error: unknown, tally: Tally): void {
  if (!isFTPError(error)) throw error;
  tally.errors += 1;
}

/** Each file that is there under its name has all of its bytes, and those that were told are there. */
function assertWhole(files: Files, found: Files, told: readonly string[]): void {
  const wrong = Object.entries(files).filter(([path, text]) => (told.includes(path) || path in found) && found[path] !== text);
  expect(wrong.map(([path]) => path)).to.deep.equal([]);
}

function filesOf(chance: Random): Files {
  return Object.fromEntries(Array.from({ length: FILES }, (_, n) => [`d${n % 3}/file-${n}`, String.fromCharCode(97 + chance.int(26)).repeat(chance.int(6000))]));
}

function uploaded(server: FtpServer): Files {
  return Object.fromEntries([...server.files].flatMap(([path, node]) => (node.kind === 'file' ? [[path.replace('/top/', ''), server.read(path).toString()]] : [])));
}

/** Of any connection, at any byte. */
function cut(chance: Random): Plan {
  const kind = chance.pick(['rst', 'fin'] as const);
  const direction = chance.pick(['toClient', 'toServer'] as const);
  return chance.int(2) ? { on: 'data', direction, at: chance.int(3000), kind } : { on: 'control', direction, at: chance.int(900), kind };
}
