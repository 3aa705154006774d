import { expect } from 'chai';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { FTPPool } from '../../lib/client/pool';
import { FTPError } from '../../lib/errors';
import { assertNoLeaks, snapshot, type Snapshot } from '../support/leaks';
import { optionsOf, realServers } from './servers';

describe('FTPPool on real servers', () => {
  for (const server of realServers()) {
    const { name, home } = server;
    describe(name, () => {
      let pool: FTPPool;
      let before: Snapshot;
      beforeEach(async () => {
        before = await snapshot();
        pool = new FTPPool({ ...optionsOf(server), connections: 4 });
      });
      afterEach(async () => {
        pool.close();
        await assertNoLeaks(before);
      });

      it('downloads, uploads, copies and deletes many files at a time', async () => {
        const names = (await readdir(join(home, 'small'))).slice(0, 12);
        const contents = await Promise.all(names.map((each) => buffer(pool.retr(`small/${each}`))));
        for (const [index, each] of names.entries()) expect(contents[index]?.equals(await readFile(join(home, 'small', each))), each).to.equal(true);
        expect(pool.connections).to.be.within(1, 4);

        const folder = `pool-${process.pid}-${name}`;
        await pool.mkd(folder);
        await Promise.all(names.map((each, index) => pipeline(Readable.from([contents[index] ?? Buffer.alloc(0)]), pool.stor(`${folder}/${each}`))));
        await Promise.all(names.slice(0, 4).map((each) => pipeline(pool.retr(`${folder}/${each}`), pool.stor(`${folder}/copy-${each}`))));
        const stored: string[] = [];
        for await (const entry of pool.list(folder)) {
          const source = entry.name.replace('copy-', '');
          expect((await buffer(pool.retr(`${folder}/${entry.name}`))).equals(await readFile(join(home, 'small', source))), entry.name).to.equal(true);
          stored.push(entry.name);
        }
        expect(stored).to.have.length(names.length + 4);
        await Promise.all(stored.map((each) => pool.delete(`${folder}/${each}`)));
        await pool.rmd(folder);
        await pool.quit();
        expect(pool.connections).to.equal(0);
      });

      it('goes on after downloads that are left, and a folder that is missing', async () => {
        const names = (await readdir(join(home, 'small'))).slice(0, 12);
        const left = names.map((each) => pool.retr(`small/${each}`).on('error', () => undefined).resume());
        const missing = await Promise.all([1, 2, 3].map((number) => buffer(pool.retr(`missing/${number}`)).catch((error: unknown) => error)));
        for (const error of missing) expect(error).to.be.instanceOf(FTPError);
        for (const stream of left) stream.destroy();
        const contents = await Promise.all(names.map((each) => buffer(pool.retr(`small/${each}`))));
        for (const [index, each] of names.entries()) expect(contents[index]?.equals(await readFile(join(home, 'small', each))), each).to.equal(true);
        await pool.quit(); // after the ends of those that were left
      });
    });
  }
});
