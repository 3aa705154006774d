import { expect } from 'chai';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FTP, FTPError } from '../../lib';
import { optionsOf, realServers, type RealServer } from './servers';

describe('the verbs of files and folders on real servers', function () {
  this.timeout(30_000);

  for (const server of oneOfEachFamily()) {
    const { name, home } = server;
    describe(name, () => {
      const folder = `verbs-${process.pid}-${name}`;
      const local = join(home, folder);
      let ftp: FTP;
      before(async () => {
        await rm(local, { recursive: true, force: true });
        ftp = new FTP({ ...optionsOf(server), replyTimeout: 10_000 });
        await ftp.mkd(folder);
        await mkdir(join(local, 'empty'));
        await mkdir(join(local, 'full'));
        await mkdir(join(local, 'private'), { mode: 0o700 });
        for (const file of ['file', 'with two blanks', '.hidden', 'full/inner', 'private/inner', 'no such file']) await writeFile(join(local, file), 'x');
        await symlink('file', join(local, 'link'));
        await symlink('full', join(local, 'link to a folder'));
      });
      after(async () => {
        ftp.close();
        await rm(local, { recursive: true, force: true });
      });

      describe('exists()', () => {
        for (const path of ['file', 'with two blanks', 'empty', 'full', 'full/inner', 'link', 'link to a folder', 'link to a folder/inner', 'no such file', 'private', '']) {
          it(`is true for ${path || 'the folder itself'}`, async () => {
            expect(await ftp.exists(path === '' ? folder : `${folder}/${path}`)).to.equal(true);
          });
        }

        for (const path of ['missing', 'missing too', 'empty/missing', 'full/missing', 'missing/missing', 'File', 'file2', 'no such directory']) {
          it(`is false for ${path}`, async () => {
            expect(await ftp.exists(`${folder}/${path}`)).to.equal(false);
          });
        }

        // Twisted and npm's ftpd say of what they must not look at that it is not there.
        it('is no lie for what nobody may see', async () => {
          for (const path of ['private/inner', 'private/missing']) {
            const answer = await ftp.exists(`${folder}/${path}`).catch((error: unknown) => error);
            if (answer === true) expect(path).to.equal('private/inner');
            else if (answer !== false) expect(answer).to.be.instanceOf(FTPError);
          }
        });

        it('leaves the session as it was', async () => {
          await ftp.cwd(folder);
          for (const path of ['file', 'full', 'missing', 'missing/missing']) await ftp.exists(path).catch(() => undefined);
          expect(await ftp.exists('full/inner')).to.equal(true);
          expect((await ftp.list().toArray()).map(({ name: each }) => each)).to.include('file');
          await ftp.cwd('..');
        });
      });
    });
  }
});

function oneOfEachFamily(): RealServer[] {
  const families = new Set<string>();
  return realServers().filter(({ family }) => !families.has(family) && families.add(family));
}
