import { expect } from 'chai';
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';
import { FTP, FTPError, FTPPool, PermanentError, type PutSource, RemovalError } from '../../lib';
import { content } from '../support/server/content';
import { optionsOf, realServers, type RealServer } from './servers';

const BYTES = content(300_000).read(0, 300_000);
/** They refuse an upload to a folder that is missing only after they have begun it. */
const LATE = new Set(['ftpsrv', 'npmftpd', 'simpleftpd', 'tcllib']);
/** They show a symlink to a folder as the folder, and nothing that they say shows that it is none. */
const FOLLOWING = new Set(['aioftp', 'tcllib']);
/** They do not remove a symlink to a folder. */
const KEEPING = new Set(['inetutils', 'ftpdssl', 'twisted', 'ftpsrv']);
/** They do not remove a symlink that leads nowhere, or list no folder that has one. */
const WITHOUT_DANGLING = new Set(['inetutils', 'ftpdssl', 'twisted', 'ftpsrv', 'npmftpd', 'simpleftpd', 'tcllib', 'aioftp', 'gridftp']);

describe('the verbs of files and folders on real servers', () => {
  for (const server of oneOfEachFamily()) {
    const { name, home, can } = server;
    describe(name, () => {
      const folder = `verbs-${process.pid}-${name}`;
      const local = join(home, folder);
      let ftp: FTP;
      before(async () => {
        await rm(local, { recursive: true, force: true });
        ftp = new FTP({ ...optionsOf(server), replyTimeout: 10_000 });
        await ftp.mkd(folder);
        await mkdir(join(local, 'empty'));
        await ftp.mkd(`${folder}/full`);
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

        for (const path of ['missing', 'missing too', 'empty/missing', 'full/missing', 'missing/missing', 'File', 'file2', 'no such directory', 'file/inner', 'file/file', 'file/file/file']) {
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

      describe('mkd() and rmd() with recursive', () => {
        it('make what is missing, and take what is there', async () => {
          for (const path of ['made/by/us', 'made/by/us', 'made/by/others', 'empty', 'full/one/two three/four']) {
            await ftp.mkd(`${folder}/${path}`, { recursive: true });
            expect((await stat(join(local, path))).isDirectory(), path).to.equal(true);
          }
          for (const path of ['file', ...(can.missingFolder ? ['file/inner', 'full/inner/most'] : [])]) {
            expect(await ftp.mkd(`${folder}/${path}`, { recursive: true }).catch((error: unknown) => error), path).to.be.instanceOf(PermanentError);
          }
        });

        it('make the same at the same time', async () => {
          const others = [ftp, ...Array.from({ length: 2 }, () => new FTP({ ...optionsOf(server), replyTimeout: 10_000 }))];
          await Promise.all(others.map((each) => each.mkd(`${folder}/race/of/several`, { recursive: true })));
          expect((await stat(join(local, 'race/of/several'))).isDirectory()).to.equal(true);
          for (const each of others.slice(1)) each.close();
        });

        for (const kind of ['client', 'pool'] as const) {
          it(`remove all that is in a folder, and nothing beside it (${kind})`, async () => {
            const tree = join(local, 'tree');
            await ftp.mkd(`${folder}/tree/a/b/c`, { recursive: true });
            await ftp.mkd(`${folder}/tree/empty`);
            for (const path of ['one', '.hidden', 'with two  blanks', 'a/two', 'a/b/c/three', ...Array.from({ length: 40 }, (_, index) => `a/b/${index}`)]) await finished(ftp.stor(`${folder}/tree/${path}`).end('x'));
            await writeFile(join(local, 'beside'), 'x');
            await symlink('../beside', join(tree, 'link'));
            if (!WITHOUT_DANGLING.has(server.family)) await symlink('nowhere', join(tree, 'dangling'));
            if (!FOLLOWING.has(server.family) && !KEEPING.has(server.family)) await symlink('../full', join(tree, 'link to a folder'));
            const client = kind === 'client' ? ftp : new FTPPool({ ...optionsOf(server), replyTimeout: 10_000, connections: 3 });
            expect((await client.rmd(`${folder}/tree`, { recursive: true })).kind).to.equal('completion');
            expect(await readdir(local)).to.include.members(['beside', 'full', 'empty']).and.not.include('tree');
            expect(await readdir(join(local, 'full'))).to.include('inner');
            if (client !== ftp) client.close();
          });
        }

        if (KEEPING.has(server.family)) {
          it('follow no symlink that the server does not remove, and report it', async () => {
            await ftp.mkd(`${folder}/kept`);
            await symlink('../full', join(local, 'kept/link'));
            await finished(ftp.stor(`${folder}/kept/file`).end('x'));
            const error = await ftp.rmd(`${folder}/kept`, { recursive: true }).catch((reason: unknown) => reason);
            expect(error).to.be.instanceOf(RemovalError);
            expect((error as RemovalError).failures.map(({ path }) => path)).to.deep.equal([`${folder}/kept/link`]);
            expect(await readdir(join(local, 'full'))).to.include('inner');
            expect(await readdir(join(local, 'kept'))).to.deep.equal(['link']);
          });
        }

        it('remove no file, and nothing that is not there', async () => {
          for (const path of ['file', 'missing', 'missing/missing']) expect(await ftp.rmd(`${folder}/${path}`, { recursive: true }).catch((error: unknown) => error), path).to.be.instanceOf(PermanentError);
          expect(await readdir(local)).to.include('file');
        });
      });

      describe('uploads to a folder that is missing', () => {
        it('make it with parents', async () => {
          await ftp.put(BYTES, `${folder}/parents/of/put`, { parents: true });
          expect((await readFile(join(local, 'parents/of/put'))).equals(BYTES)).to.equal(true);
          const stream = ftp.stor(`${folder}/parents/of a/stream`, { parents: true });
          await finished(stream.end(BYTES)).catch((error: unknown) => {
            if (!LATE.has(server.family)) throw error; // refused after 150, so that bytes may be lost
          });
          if (!LATE.has(server.family)) expect((await readFile(join(local, 'parents/of a/stream'))).equals(BYTES)).to.equal(true);
        });

        it('say so without parents', async () => {
          const error = (await finished(ftp.stor(`${folder}/not there/file`).end('x')).catch((reason: unknown) => reason)) as Error;
          // vsftpd's words leave a doubt
          expect(error.message).to.include(`(the folder ${folder}/not there ${server.family === 'vsftpd' ? 'cannot be entered: if it is' : 'is'} missing${server.family === 'vsftpd' ? ',' : ':'} make it, or use parents: true)`);
          expect(await ftp.exists(`${folder}/file`)).to.equal(true);
        });
      });

      describe('put()', () => {
        it('takes what the web has, and iterables', async () => {
          const sources: Record<string, [source: PutSource, retry: boolean]> = {
            blob: [new Blob([BYTES]), true], file: [new File([BYTES], 'name'), true], stream: [new Blob([BYTES]).stream(), false], iterable: [[BYTES.subarray(0, 1000), BYTES.subarray(1000)], false], url: [pathToFileURL(join(local, 'parents/of/put')), true],
          };
          for (const [target, [source, retry]] of Object.entries(sources)) {
            expect((await ftp.put(source, `${folder}/put-${target}`, { retry })).bytes, target).to.equal(BYTES.length);
            expect((await readFile(join(local, `put-${target}`))).equals(BYTES), target).to.equal(true);
          }
        });
      });

      describe('a signal', () => {
        it('ends verbs at any of their commands, and the session goes on', async () => {
          const verbs = [
            (signal: AbortSignal) => ftp.mlst(`${folder}/full`, { signal }), (signal: AbortSignal) => ftp.exists(`${folder}/missing/file`, { signal }),
            (signal: AbortSignal) => ftp.rename(`${folder}/missing`, `${folder}/other`, { signal }), (signal: AbortSignal) => ftp.rename(`${folder}/put-file`, `${folder}/put-file`, { signal }), (signal: AbortSignal) => ftp.mkd(`${folder}/signal/a/b`, { recursive: true, signal }),
            (signal: AbortSignal) => ftp.mfmt(`${folder}/put-blob`, new Date(1_700_000_000_000), { signal }),
          ];
          for (const verb of verbs) {
            for (let at = 1, ended = false; !ended; at++) {
              const controller = new AbortController();
              let count = 0;
              const onCommand = (): void => {
                if (++count === at) controller.abort();
              };
              ftp.on('command', onCommand);
              await verb(controller.signal).catch(() => undefined);
              ftp.off('command', onCommand);
              ended = count < at;
              expect(await ftp.exists(`${folder}/put-file`)).to.equal(true);
              expect((await ftp.retr(`${folder}/put-blob`).toArray()).reduce((bytes, chunk) => bytes + chunk.length, 0)).to.equal(BYTES.length);
              expect(await ftp.exists(`${folder}/file`)).to.equal(true);
            }
          }
        });
      });
    });
  }
});

function oneOfEachFamily(): RealServer[] {
  const families = new Set<string>();
  return realServers().filter(({ family }) => !families.has(family) && families.add(family));
}
