import { expect } from 'chai';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FTPPool } from '../../lib/index';
import { done, filesIn, fillTree } from './bulk-files';
import { HOME } from './lab';
import { optionsOf, realServers, type Family, type RealServer } from './servers';
import { note } from '../support/summary';

const CONNECTIONS = 8;
/** Every transfer takes them 44 ms, in which they do nothing: they do not switch Nagle's algorithm off. */
const SLOW: readonly Family[] = ['inetutils', 'ftpdssl', 'twisted', 'ftpsrv', 'tcllib'];
const SLOW_CONNECTIONS = 32;
/** The siblings of a server are the same program with other settings, and would take the whole run some four minutes more. */
const ALL = process.env['FTPLIB_LONG'] === '1';
const COUNT = ALL ? 2000 : 600;

describe(`mirror() of ${COUNT} files from real servers`, function () {
  this.timeout(240_000);

  /** On disk, and seen by all servers; each of them finds what was changed for the last one. */
  const folder = `mirror-${process.pid}`;
  const source = join(HOME, folder);
  let files: string[];
  let scratch: string;
  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'ftplib-mirror-'));
    files = fillTree(source, COUNT);
  });
  after(async () => {
    await rm(source, { recursive: true });
    await rm(scratch, { recursive: true });
  });

  for (const [index, server] of chosen().entries()) {
    it(`brings them from ${server.name}, byte by byte, then nothing, then what has changed`, async () => {
      const copy = join(scratch, server.name);
      await using pool = new FTPPool({ ...optionsOf(server), connections: SLOW.includes(server.family) ? SLOW_CONNECTIONS : CONNECTIONS });
      const from = { client: pool, path: folder };

      const began = performance.now();
      expect(await done({ from, to: copy })).to.deep.equal({ downloaded: COUNT });
      const seconds = (performance.now() - began) / 1000;
      assertSame(copy, source);
      expect(await done({ from, to: copy, delete: true })).to.deep.equal({});

      await change(source, files, index);
      expect(await done({ from, to: copy, delete: true })).to.deep.equal({ downloaded: 2, deleted: 1 });
      assertSame(copy, source);
      await rm(copy, { recursive: true });
      note('measured', `mirror from ${server.name}: ${COUNT} files in ${seconds.toFixed(1)} s, ${Math.round(COUNT / seconds)} files/s`);
    });
  }
});

/** One of each program, or all. */
function chosen(): readonly RealServer[] {
  const servers = realServers();
  return ALL ? servers : servers.filter(({ family }, index) => servers.findIndex((each) => each.family === family) === index);
}

/** One file changes and keeps its size, one goes, and one comes. */
async function change(root: string, files: string[], index: number): Promise<void> {
  const [changed = '', gone = ''] = files.slice(2 * index);
  const bytes = await readFile(join(root, changed));
  await writeFile(join(root, changed), bytes.map((byte) => byte ^ 0xff));
  await rm(join(root, gone));
  await writeFile(join(root, `new-${index}`), 'new');
}

function assertSame(copy: string, source: string): void {
  const [ours, theirs] = [filesIn(copy), filesIn(source)];
  expect([...ours.keys()]).to.deep.equal([...theirs.keys()]);
  expect([...ours.keys()].filter((path) => !theirs.get(path)?.equals(ours.get(path) ?? Buffer.from('none')))).to.deep.equal([]);
}
