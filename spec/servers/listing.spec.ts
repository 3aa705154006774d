import { expect } from 'chai';
import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PermanentError, ReplyError } from '../../lib/errors';
import { FTP } from '../../lib/client/ftp';
import { optionsOf, realServers } from './servers';

/** They list a folder that they must not read as an empty one, without a word. */
const SILENT = ['proftpd', 'aioftp', 'npmftpd'];

describe('list() on real servers', () => {
  for (const server of realServers()) {
    const { name, home, can, login, family } = server;
    describe(name, () => {
      let ftp: FTP;
      beforeEach(() => {
        ftp = new FTP(optionsOf(server));
      });
      afterEach(() => ftp.close());

      it('has the files of a folder, with their sizes', async () => {
        const entries = await ftp.list('small').toArray();
        expect(entries.map((entry) => entry.name).sort()).to.deep.equal((await readdir(join(home, 'small'))).sort());
        for (const entry of entries) expect(entry).to.include({ type: 'file' });
      });

      it('is empty for an empty folder, and a PermanentError for a missing one', async () => {
        expect(await ftp.list('empty').toArray()).to.deep.equal([]);
        const missing = await ftp.list('missing').toArray().catch((error: unknown) => error);
        if (family === 'ftpsrv') expect(missing).to.be.instanceOf(ReplyError); // 451
        else if (can.missingFolder) expect(missing).to.be.instanceOf(PermanentError);
        else expect(missing).to.deep.equal([]);
        expect(await ftp.pwd()).to.equal(login);
      });

      // tcllib's ftpd never ends such a listing.
      if (family !== 'tcllib' && !SILENT.includes(family)) it('is an error for a folder that the server must not read, and a whole download follows', async () => {
        const folder = `unread-${process.pid}-${name}`;
        await ftp.mkd(folder);
        try {
          await writeFile(join(home, folder, 'hidden'), 'hidden');
          await chmod(join(home, folder), 0o300);
          for (const all of [false, true]) {
            expect(await ftp.list(folder, { all }).toArray().catch((error: unknown) => error)).to.be.instanceOf(family === 'ftpsrv' ? ReplyError : PermanentError); // 451
            expect(Buffer.concat(await ftp.retr('10m.bin').toArray()).equals(await readFile(join(home, '10m.bin')))).to.equal(true);
          }
        } finally {
          await rm(join(home, folder), { recursive: true });
        }
      });

      it('lists a file, also one with blanks or a dash in its name', async () => {
        const folder = `listing-${process.pid}-${name}`; // one in which no other spec removes what npm's ftpd is about to look at: it lists nothing then
        const names = ['readme.txt', 'with space.txt', '-dash.txt'];
        await ftp.mkd(folder);
        try {
          for (const file of names) await writeFile(join(home, folder, file), file);
          await ftp.cwd(folder);
          const inside = await ftp.pwd();
          for (const path of names) {
            expect((await ftp.list(path).toArray()).map((entry) => entry.name), path).to.include(path);
          }
          expect(await ftp.pwd()).to.equal(inside);
        } finally {
          await rm(join(home, folder), { recursive: true });
        }
      });

      it('bears downloads, cwd and delete within its loop', async () => {
        const folder = `listing-${process.pid}-${name}`;
        await ftp.mkd(folder);
        for (const file of ['a', 'b', 'c']) await upload(ftp, `${folder}/${file}`, file);
        const seen: string[] = [];
        for await (const entry of ftp.list(folder)) {
          await ftp.cwd(folder);
          seen.push(Buffer.concat(await ftp.retr(entry.name).toArray()).toString());
          await ftp.delete(entry.name);
          await ftp.cwd('..');
        }
        expect(seen.sort()).to.deep.equal(['a', 'b', 'c']);
        await ftp.rmd(folder);
      });

      if (can.anyBytes) {
        it('gives names in UTF-8, latin1 and Shift_JIS that can be fetched', async () => {
          let fetched = 0;
          for await (const entry of ftp.list('names')) {
            if (family === 'pureftpd' && entry.name.includes('\\')) continue; // 553 Prohibited file name
            const bytes = Buffer.concat(await ftp.retr(`names/${entry.name}`).toArray());
            expect(bytes.length).to.equal(entry.size);
            fetched += 1;
          }
          const names = await readdir(join(home, 'names'), { encoding: 'buffer' });
          expect(fetched).to.equal(family === 'pureftpd' ? names.length - 1 : names.length);
          expect(await readFile(join(home, 'readme.txt'), 'utf8')).to.equal('hello\n');
        });
      }
    });
  }
});

async function upload(ftp: FTP, path: string, text: string): Promise<void> {
  const stream = ftp.stor(path);
  await new Promise<void>((resolve, reject) => void stream.on('finish', resolve).on('error', reject).end(text));
}
