import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { FtpServer } from './support/server/ftp-server';
import { certificate } from './support/server/certificates';
import { gate } from './support/server/gate';
import { normal, until } from './support/server/steps';

const LIBRARY = join(__dirname, '..', 'lib', 'index');
const FILES = { '/a': 'file a' };

/** What a program does with a client or a pool that it neither quits nor closes; it prints what came of it. */
const PROGRAM = `
  console.log(await remote.size("a"));
  console.log(String(await remote.retr("a").toArray()));
  await new Promise((done) => remote.stor("up").end("bytes", done));
  console.log((await remote.list().toArray()).map(({ name }) => name).join());
  console.log((await remote.walk().toArray()).map(({ path }) => path).join());
  for await (const chunk of remote.retr("a")) break;
  console.log((await remote.size("missing").catch((error) => error)).reply.code);
`;
const PRINTED = '6\nfile a\na,up\na,up\n550';

describe('a process whose client is idle', () => {
  let server: FtpServer;
  afterEach(() => server.close());

  for (const kind of ['FTP', 'FTPPool'] as const) {
    for (const secure of [false, 'explicit', 'implicit'] as const) {
      it(`ends by itself: ${kind}, ${secure ? `TLS ${secure}` : 'in the clear'}`, async () => {
        server = await FtpServer.start({ files: FILES, ...(secure ? { tls: { mode: secure, ...certificate() } } : {}) });
        expect(await run(kind, { ...options(secure), keepAlive: 50 }, PROGRAM)).to.deep.equal({ printed: PRINTED, code: 0 });
      });
    }

    it(`does not end while a reply is due: ${kind}`, async () => {
      const held = gate();
      server = await FtpServer.start({ files: FILES, script: { SIZE: [until(held), normal()] } });
      const outcome = run(kind, options(false), 'console.log("asking"); console.log(await remote.size("a"))', (line) => {
        if (line.includes('asking')) void server.waitFor('SIZE').then(() => setImmediate(held.open));
      });
      expect((await outcome).printed).to.equal('asking\n6');
    });
  }

  it('does not end while a loop waits for what a watch gives, and ends after it', async () => {
    server = await FtpServer.start({ files: FILES });
    const program = 'for await (const { path } of remote.watch("", { settle: 1, interval: 300 })) { console.log(path); if (path === "b") break; }';
    const outcome = run('FTP', { ...options(false) }, program, (line) => {
      if (line.includes('a')) server.write('/b', 'file b');
    });
    expect(await outcome).to.deep.equal({ printed: 'a\nb', code: 0 });
  });

  it('does not end while a client waits for its turn, and for a connection that is being made', async () => {
    const held = gate();
    server = await FtpServer.start({ files: FILES, script: { GREETING: [until(held), '220 Ready.'] } });
    server.once('session', () => setImmediate(held.open));
    const { printed } = await run('FTP', options(false), 'console.log((await Promise.all([remote.size("a"), remote.pwd()])).join())');
    expect(printed).to.equal('6,/');
  });

  function options(secure: false | 'explicit' | 'implicit'): object {
    return { host: server.host, port: server.port, user: 'user', password: 'secret', secure, ...(secure ? { tls: { rejectUnauthorized: false } } : {}) };
  }
});

/** Runs a program in a process of its own until it ends by itself; one that does not is ended, and `code` is null. */
async function run(kind: 'FTP' | 'FTPPool', options: object, program: string, onOutput: (line: string) => void = () => undefined): Promise<{ printed: string; code: number | null }> {
  const source = `require('ts-node/register'); const { ${kind}: Kind } = require(${JSON.stringify(LIBRARY)});
    const remote = new Kind(${JSON.stringify(options)}); (async () => { ${program}; })();`;
  const child = spawn(process.execPath, ['-e', source], { cwd: join(__dirname, '..'), stdio: ['ignore', 'pipe', 'inherit'] });
  const stop = setTimeout(() => child.kill('SIGKILL'), LONGEST);
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (line: string) => {
    printed += line;
    onOutput(line);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(stop);
  return { printed: printed.trim(), code };
}

/** Milliseconds for a program; it takes one or two, mostly to load the library. */
const LONGEST = 12_000;
