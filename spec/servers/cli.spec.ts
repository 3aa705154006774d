import { expect } from 'chai';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CommandLine, objectsIn } from '../cli/command-line';
import { content } from '../support/server/content';
import { realServers } from './servers';

const BIG = Buffer.from(content(8_000_000).read(0, 8_000_000));
const FILES = 100;
const NAMES = ['vsftpd-plain', 'vsftpd-reuse', 'vsftpd-implicit', 'proftpd-plain', 'proftpd-tls', 'proftpd-implicit'];

describe('the command line on real servers', () => {
  const command = new CommandLine();

  for (const server of realServers().filter(({ name }) => NAMES.includes(name))) {
    describe(server.name, () => {
      const folder = `cli-${process.pid}-${server.name}`;
      const onDisk = join(server.home, folder);
      const scheme = server.secure === 'implicit' ? 'ftps' : server.secure === 'explicit' ? 'ftpes' : 'ftp';
      const home = `${scheme}://${server.user}@${server.host}:${server.port}/${folder}`;
      const env = { FTPLIB_PASSWORD: server.password };
      const trust = server.secure ? ['--ca', server.certificate] : [];
      const done = (name: string, ...words: string[]): Promise<string> => command.done([name, ...trust, ...words], { env });

      beforeEach(() => done('mkdir', home));
      afterEach(() => rmSync(onDisk, { recursive: true, force: true }));

      it('uploads, lists, downloads, moves and deletes', async () => {
        command.write('big file', BIG);
        await done('put', 'big file', `${home}/`);
        expect(readFileSync(join(onDisk, 'big file')).equals(BIG)).to.equal(true);
        expect(await done('ls', home)).to.equal('big file\n');
        expect(objectsIn(await done('ls', '--json', home))[0]).to.include({ name: 'big file', type: 'file', size: BIG.length });
        await done('get', `${home}/big%20file`, 'copy');
        expect(command.read('copy').equals(BIG)).to.equal(true);
        await done('mkdir', '-p', `${home}/a/b`);
        await done('mv', `${home}/big%20file`, `${home}/a/b`);
        expect(readdirSync(join(onDisk, 'a/b'))).to.deep.equal(['big file']);
        await done('rm', '-r', `${home}/a`);
        expect(readdirSync(onDisk)).to.deep.equal([]);
      });

      it('mirrors both ways, and a second time nothing', async () => {
        mkdirSync(command.path('source/sub'), { recursive: true });
        for (let i = 0; i < FILES; i++) command.write(`source/${i % 2 === 0 ? '' : 'sub/'}${i}`, String(i));
        await done('mirror', 'source', `${home}/target`);
        expect(readdirSync(join(onDisk, 'target'), { recursive: true })).to.have.length(FILES + 1);
        const again = objectsIn(await done('mirror', '--json', 'source', `${home}/target`)).at(-1);
        expect(again).to.include({ event: 'end' }).and.to.not.have.any.keys('uploaded', 'failed');
        await done('mirror', `${home}/target`, 'copy');
        expect(readdirSync(command.path('copy'), { recursive: true })).to.have.length(FILES + 1);
      });

      it('goes on with what an interrupted run has left', async () => {
        command.write('big', BIG);
        const { code } = await command.run(['put', ...trust, '--rate', '4M', 'big', `${home}/big`], {
          env,
          started: (child) => {
            const look = setInterval(() => {
              if (!readdirSync(onDisk).some((name) => readFileSync(join(onDisk, name)).length > 1_000_000)) return;
              clearInterval(look);
              child.kill('SIGINT');
            }, 50);
            child.once('exit', () => clearInterval(look));
          },
        });
        expect([code, readdirSync(onDisk)]).to.deep.equal([130, ['.big.part']]);
        const result = objectsIn(await done('put', '--json', 'big', `${home}/big`)).at(-1);
        expect(result?.['bytes']).to.be.below(BIG.length);
        expect(readFileSync(join(onDisk, 'big')).equals(BIG)).to.equal(true);
      });

      it('refuses a wrong password, and in TLS a certificate that nobody vouches for', async () => {
        const refused = await command.run(['ls', ...trust, home], { env: { FTPLIB_PASSWORD: 'wrong' } });
        expect([refused.code, refused.stderr.startsWith('ftplib: the server refuses the login: 530 ')]).to.deep.equal([3, true]);
        if (!server.secure) return;
        const { code, stderr } = await command.run(['ls', home], { env });
        expect([code, stderr.includes('--ca FILE')]).to.deep.equal([3, true]);
      });
    });
  }
});
