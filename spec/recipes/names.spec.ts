import { expect } from 'chai';
import { once } from 'node:events';
import { createReadStream, createWriteStream, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import type { Client as Basic } from 'basic-ftp';
import * as ftplib from '../../lib';
import { type Entry, FTP, type FTPPool, type Reply } from '../../lib';
import { diagnosticsOf, rowsUnder } from '../docs/snippets';
import { certificate } from '../support/server/certificates';
import { content } from '../support/server/content';
import { FtpServer } from '../support/server/ftp-server';
import { hangUp } from '../support/server/steps';
import { FEATURES, type FtpServerOptions } from '../support/server/server-options';
import { optionsOf, realServers } from '../servers/servers';
import { itWithPackages } from './packages';

/** The methods that ftp and promise-ftp both have, as promise-ftp has them. */
interface Promised {
  connect(options: object): Promise<unknown>;
  get(path: string): Promise<Readable>;
  put(source: Readable | Buffer | string, path: string): Promise<void>;
  append(source: Readable | Buffer | string, path: string): Promise<void>;
  list(path: string): Promise<readonly { name: string; size: number | string }[]>;
  listSafe(path: string): Promise<readonly { name: string; size: number | string }[]>;
  rename(from: string, to: string): Promise<void>;
  delete(path: string): Promise<void>;
  mkdir(path: string, recursive?: boolean): Promise<void>;
  rmdir(path: string, recursive?: boolean): Promise<void>;
  cwd(path: string): Promise<unknown>;
  cdup(): Promise<void>;
  pwd(): Promise<string>;
  site(command: string): Promise<unknown>;
  system(): Promise<string>;
  status(): Promise<string>;
  ascii(): Promise<void>;
  binary(): Promise<void>;
  size(path: string): Promise<number>;
  lastMod(path: string): Promise<Date>;
  restart(offset: number): Promise<void>;
  abort(): Promise<void>;
  end(): unknown;
  destroy(): unknown;
}

/** Where the code of a cell runs: in a folder, with a server. */
interface Scene {
  readonly server: { readonly host: string; readonly port: number; readonly user: string; readonly password: string };
  /** The certificate of the server, where it has one. */
  readonly ca: string | undefined;
  /** Milliseconds. */
  readonly timeout: number;
  readonly source: Readable;
  readonly target: Writable;
  /** What was given to `show`. */
  readonly shown: unknown[];
  readonly show: (...what: unknown[]) => void;
  /** The client of the code here. */
  readonly here: FTP;
}

/** One row: what the packages do in place of the code under "here", and in which form the results are compared. */
interface Way {
  /** Of the result of the code here. */
  readonly value?: (given: never, scene: Scene) => unknown;
  readonly basic?: (ftp: Basic, scene: Scene) => Promise<unknown>;
  readonly ftp?: (ftp: Promised, scene: Scene) => Promise<unknown>;
  readonly options?: FtpServerOptions;
  /** Comes before the code here. */
  readonly before?: (scene: Scene) => Promise<void>;
  /** The code makes a client of its own. */
  readonly connects?: true;
  /** There is a server that says nothing. */
  readonly silent?: true;
}

const BYTES = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7) & 0xff));
const TEXT = 'one\r\ntwo\r\n';
const FILES = { '/a': BYTES, '/text': TEXT, '/dir/x': 'x of the server', '/dir/sub/y': 'y of the server', '/empty/': '' };
const LOCAL = { a: 'a of this side', 'dir/x': 'x of this side', 'dir/sub/z': 'z of this side' };

/** Where what is given says nothing. */
function ignored(): undefined {
  return undefined;
}

/** Whether it fails, as it must. */
async function failed(act: Promise<unknown>): Promise<boolean> {
  return act.then(() => false, () => true);
}

const sized = (entries: readonly { name: string; size?: number | string }[]): unknown => entries.map(({ name, size }) => [name, Number(size ?? 0)]).sort();
const filesOf = (entries: readonly { name: string; type: string; size?: number }[]): unknown => sized(entries.filter(({ type }) => type === 'file'));

const WAYS: Readonly<Record<string, Way>> = {
  'log in': {
    connects: true,
    value: async (made: FTP) => [await made.size('a'), await made.quit()][0],
    basic: async (ftp, { server: { host, port, user, password } }) => {
      await ftp.access({ host, port, user, password });
      return ftp.size('a');
    },
    ftp: async (ftp, { server: { host, port, user, password } }) => {
      await ftp.connect({ host, port, user, password });
      return ftp.size('a');
    },
  },
  'use TLS': {
    connects: true,
    options: { tls: { mode: 'explicit', required: true, ...certificate() } },
    value: async (made: FTP) => [await buffer(made.retr('a')), await made.quit()][0],
    basic: async (ftp, { server, ca }) => {
      await ftp.access({ ...server, secure: true, secureOptions: { ca, host: 'localhost' } });
      const target = new PassThrough();
      return (await Promise.all([buffer(target), ftp.downloadTo(target, 'a')]))[0];
    },
    ftp: async (ftp, { server, ca }) => {
      await ftp.connect({ ...server, secure: true, secureOptions: { ca, checkServerIdentity: () => undefined } });
      return buffer(await ftp.get('a'));
    },
  },
  'use a pool of connections in TLS': {
    connects: true,
    options: { files: { ...FILES, '/a': content(20_000_000) }, tls: { mode: 'explicit', required: true, ...certificate() } },
    value: async (made: FTPPool) => {
      const one = made.retr('a');
      await once(one, 'readable'); // and is not read on, while another download comes to its end
      expect(String(await buffer(made.retr('dir/x')))).to.equal('x of the server');
      expect(made.connections).to.equal(2);
      expect((await buffer(one)).equals(content(20_000_000).read(0, 20_000_000))).to.equal(true);
      await made.quit();
    },
  },
  'set a timeout, in ms': {
    connects: true,
    silent: true,
    value: (made: FTP) => failed(made.pwd()),
    basic: (_, { server, timeout }) => {
      const { Client } = require('basic-ftp') as { Client: new (timeout: number) => Basic };
      return failed(new Client(timeout).access(server));
    },
  },
  'read the times of a server in a time zone, in minutes east of UTC': {
    connects: true,
    options: { features: FEATURES.filter((feature) => feature !== 'MLST') },
    value: async (made: FTP) => {
      const [entry] = await made.list('dir').toArray();
      await made.quit();
      expect(entry?.modified).to.deep.equal(new Date('2020-02-28T22:00:00Z')); // LIST shows the day only of what is so old
    },
  },
  'download a file': {
    basic: (ftp) => ftp.downloadTo('./a', 'a'),
    ftp: async (ftp) => pipeline(await ftp.get('a'), createWriteStream('./a')),
  },
  'into a stream': {
    basic: (ftp, { target }) => ftp.downloadTo(target, 'a'),
    ftp: async (ftp, { target }) => pipeline(await ftp.get('a'), target),
  },
  'into memory': {
    value: (bytes: Buffer) => bytes,
    basic: async (ftp) => {
      const target = new PassThrough();
      return (await Promise.all([buffer(target), ftp.downloadTo(target, 'a')]))[0];
    },
    ftp: async (ftp) => buffer(await ftp.get('a')),
  },
  'the rest of it': {
    basic: (ftp, { target }) => ftp.downloadTo(target, 'a', 100),
    ftp: async (ftp, { target }) => {
      await ftp.restart(100);
      await pipeline(await ftp.get('a'), target);
    },
  },
  'upload a file': { basic: (ftp) => ftp.uploadFrom('./a', 'b'), ftp: (ftp) => ftp.put('./a', 'b') },
  'from a stream': { basic: (ftp, { source }) => ftp.uploadFrom(source, 'b'), ftp: (ftp, { source }) => ftp.put(source, 'b') },
  'from memory': {
    basic: (ftp) => ftp.uploadFrom(new PassThrough().end('text'), 'b'),
    ftp: (ftp) => ftp.put(Buffer.from('text'), 'b'),
  },
  'into a folder that is missing': { value: async (_, { here }) => expect(String(await buffer(here.retr('new/b')))).to.equal(LOCAL.a) },
  'append': { basic: (ftp, { source }) => ftp.appendFrom(source, 'a'), ftp: (ftp, { source }) => ftp.append(source, 'a') },
  'list into an array': {
    value: (entries: Entry[]) => filesOf(entries),
    basic: async (ftp) => sized((await ftp.list('dir')).filter(({ isFile }) => isFile)),
    ftp: async (ftp) => {
      const files = [await ftp.list('dir'), await ftp.listSafe('dir')].map((entries) => sized(entries.filter(({ name }) => name !== 'sub')));
      expect(files[0]).to.deep.equal(files[1]);
      return files[0];
    },
  },
  'see the size, the time of a file': {
    basic: async (ftp) => [await ftp.size('a'), await ftp.lastMod('a')],
    ftp: async (ftp) => [await ftp.size('a'), await ftp.lastMod('a')],
  },
  'see whether it exists, what it is': { value: ([there, { name, type, size }]: [boolean, Entry]) => expect([there, name, type, size]).to.deep.equal([true, 'a', 'file', BYTES.length]) },
  'rename or move': { basic: (ftp) => ftp.rename('a', 'dir/a'), ftp: (ftp) => ftp.rename('a', 'dir/a') },
  'delete a file': { basic: (ftp) => ftp.remove('a'), ftp: (ftp) => ftp.delete('a') },
  'change a mode': { basic: (ftp) => ftp.send('SITE CHMOD 600 a'), ftp: (ftp) => ftp.site('CHMOD 600 a') },
  'make a folder (directory) with those above it': { basic: (ftp) => ftp.ensureDir('new/deep'), ftp: (ftp) => ftp.mkdir('new/deep', true) },
  'delete a folder with all that is in it': { basic: (ftp) => ftp.removeDir('dir'), ftp: (ftp) => ftp.rmdir('dir', true) },
  'empty a folder': {
    value: ignored,
    basic: async (ftp) => {
      await ftp.cd('dir');
      await ftp.clearWorkingDir();
    },
  },
  'delete an empty folder': { basic: (ftp) => ftp.removeEmptyDir('empty'), ftp: (ftp) => ftp.rmdir('empty') },
  'upload a folder': { basic: (ftp) => ftp.uploadFromDir('./dir', 'dir') },
  'download a folder': { basic: (ftp) => ftp.downloadToDir('./dir', 'dir') },
  'see the progress': {
    value: (_, { shown }) => (shown.at(-1) as { bytes: number }).bytes,
    basic: async (ftp, { show, shown }) => {
      ftp.trackProgress(show);
      await ftp.downloadTo('./a', 'a');
      ftp.trackProgress();
      return (shown.at(-1) as { bytes: number }).bytes;
    },
  },
  'change the working folder': {
    value: ([, , folder]: unknown[]) => folder,
    basic: async (ftp) => {
      await ftp.cd('dir/sub');
      await ftp.cdup();
      return ftp.pwd();
    },
    ftp: async (ftp) => {
      await ftp.cwd('dir/sub');
      await ftp.cdup();
      return ftp.pwd();
    },
  },
  'ask what the server can, is and does': {
    value: ([features, system, status]: [Map<string, string>, Reply, Reply]) => [features.has('SIZE'), system.text.split(' ')[0], status.code],
    basic: async (ftp) => [(await ftp.features()).has('SIZE'), (await ftp.send('SYST')).message.split(' ')[1], (await ftp.send('STAT')).code],
    ftp: async (ftp) => [true, (await ftp.system()).split(' ')[0], (await ftp.status()) === '' ? 0 : 211],
  },
  'send any command': { basic: (ftp) => ftp.send('SITE CHMOD 600 a'), ftp: (ftp) => ftp.site('CHMOD 600 a') },
  'transfer lines of text': {
    value: (lines: string[]) => lines.join('\r\n'),
    basic: async (ftp) => {
      await ftp.send('TYPE A');
      const target = new PassThrough();
      const [text] = await Promise.all([buffer(target), ftp.downloadTo(target, 'text')]);
      await ftp.send('TYPE I');
      return String(text).trimEnd();
    },
    ftp: async (ftp) => {
      await ftp.ascii();
      const text = await buffer(await ftp.get('text'));
      await ftp.binary();
      return String(text).trimEnd();
    },
  },
  'end a transfer': {
    options: { files: { ...FILES, '/a': content(20_000_000) } },
    before: async ({ here }) => void (await once(here.retr('a').on('error', () => undefined), 'readable')),
    value: (_, { here }) => here.pwd(),
    ftp: async (ftp) => {
      const download = await ftp.get('a');
      await once(download.on('error', () => undefined), 'readable');
      download.resume();
      await ftp.abort();
      return ftp.pwd();
    },
  },
  'see whether it is connected, over': {
    before: async ({ here }) => void (await here.pwd()),
    value: ([, closed]: [boolean, boolean], { here }) => {
      expect(here.connected).to.equal(true);
      return closed;
    },
    basic: async (ftp) => ftp.closed,
  },
  'leave properly': {
    value: ignored,
    basic: async (ftp) => ftp.close(),
    ftp: async (ftp) => void (await ftp.end()),
  },
  'leave at once': { basic: async (ftp) => ftp.close(), ftp: async (ftp) => void ftp.destroy() },
  'see what is said': {
    connects: true,
    value: async (_, { here, shown }) => {
      await here.pwd();
      return shown.join('\n').includes('PWD');
    },
    basic: async (ftp, { server, show, shown }) => {
      ftp.ftp.log = show;
      await ftp.access(server);
      await ftp.pwd();
      return shown.join('\n').includes('PWD');
    },
    ftp: async (ftp, { server, show, shown }) => {
      await ftp.connect({ ...server, debug: show });
      await ftp.pwd();
      return shown.join('\n').includes('PWD');
    },
  },
};

/** A row of the table: its code, and the names that it has in each package. */
interface Row {
  readonly task: string;
  readonly codes: readonly string[];
  readonly names: Readonly<Record<Package, readonly string[]>>;
}

type Package = 'basic-ftp' | 'ftp' | 'ssh2-sftp-client';

/** The names that the code of a cell may use. */
const PRELUDE = `import { pipeline } from 'node:stream/promises';
import { buffer } from 'node:stream/consumers';
import type { Readable, Writable } from 'node:stream';
import { FTP, FTPPool } from 'ftplib';
declare const ftp: FTP, host: string, user: string, password: string, timeout: number, source: Readable, target: Writable;
declare const show: (...what: unknown[]) => void;
`;

describe('README: the table of tasks, and of the names in other packages', () => {
  const rows = rowsUnder('In short').map(([task = '', here = '', basic = '', ftp = '', sftp = '']): Row => ({
    task,
    codes: codesIn(here),
    names: { 'basic-ftp': codesIn(basic), ftp: codesIn(ftp), 'ssh2-sftp-client': codesIn(sftp) },
  }));
  const before = process.cwd();
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ftplib-names-'));
    process.chdir(folder);
  });
  afterEach(async () => {
    process.chdir(before);
    await rm(folder, { recursive: true });
  });

  it('has rows, each of which is run below', () => {
    expect(rows.map(({ task }) => task)).to.have.members(Object.keys(WAYS));
  });

  it('has code that compiles as it is pasted', () => {
    const code = rows.flatMap(({ codes }) => codes).map((each) => `${each};\n`).join('');
    expect(diagnosticsOf([{ name: 'the table', code: PRELUDE + code, language: 'ts' }])).to.deep.equal([]);
  });

  for (const { task, codes, names } of rows) {
    const way = WAYS[task] ?? {};

    it(`${task}: ${codes.join(', ')}`, async () => {
      await effectOfCode(codes, way);
    });

    for (const [name, act] of [['basic-ftp', way.basic], ['ftp', way.ftp], ['promise-ftp', way.ftp]] as const) {
      const cell = names[name === 'promise-ftp' ? 'ftp' : name];
      if (cell.length === 0) continue;
      itWithPackages(`${task}: the same as ${name}, ${cell.join(', ')}`, async () => {
        if (!act) expect.fail(`nothing is run for ${name}`);
        const missing = cell.filter((each) => !new RegExp(`(?<![\\w.])(ftp\\.)*${escaped(each)}(?!\\w)`).test(String(act)));
        expect(missing, 'named in the table, and not called').to.deep.equal([]);
        const ours = await effectOfCode(codes, way);
        expect(await effectOfPackage(name, way)).to.deep.equal(ours);
      });
    }
  }

  itWithPackages('has names that ssh2-sftp-client has', async () => {
    const file = require.resolve('ssh2-sftp-client');
    const methods = (require(file) as { prototype: object }).prototype;
    const documentation = readFileSync(join(file, '../../README.md'), 'utf8');
    const named = rows.flatMap(({ names }) => names['ssh2-sftp-client']);
    expect(named).to.include('fastGet');
    expect(named.filter((name) => !(name in methods) && !documentation.includes(`\`${name}\``) && !documentation.includes(`${name}:`))).to.deep.equal([]);
  });

  /** What there is afterwards on the server and in the local folder, and what was given. */
  async function effectOf(way: Way, act: (scene: Scene) => Promise<unknown>): Promise<object> {
    await rm(folder, { recursive: true });
    for (const [path, text] of Object.entries(LOCAL)) {
      await mkdir(join(folder, path, '..'), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    process.chdir(folder);
    const server = await FtpServer.start({ users: { user: 'secret' }, files: FILES, ...way.options });
    const silent = createServer((socket) => void socket.on('error', () => undefined).resume());
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    const { port } = way.silent ? (silent.address() as AddressInfo) : server;
    const account = { host: way.options?.tls ? 'localhost' : '127.0.0.1', port, user: 'user', password: 'secret' };
    const shown: unknown[] = [];
    const scene: Scene = {
      server: account, ca: way.options?.tls ? certificate().cert : undefined, timeout: 100, shown, show: (...what) => void shown.push(...what),
      source: createReadStream(join(folder, 'a')), target: new PassThrough(), here: new FTP(account),
    };
    const target = pipeline(scene.target as PassThrough, createWriteStream(join(folder, 'target'))).catch(ignored);
    try {
      const given = await act(scene);
      if (!scene.target.writableEnded) scene.target.end();
      await target;
      return { given: given ?? '', server: treeOf(server), local: folderTree(folder) };
    } finally {
      scene.here.close();
      scene.source.destroy();
      scene.target.destroy();
      await target;
      await server.close();
      silent.close();
    }
  }

  function effectOfCode(codes: readonly string[], way: Way): Promise<object> {
    return effectOf(way, async (scene) => {
      await way.before?.(scene);
      const given: unknown[] = [];
      for (const code of codes) given.push(await evaluate(code, scene));
      const value = given.length === 1 ? given[0] : given;
      return way.value ? way.value(value as never, scene) : codes.length > 1 ? value : undefined;
    });
  }

  function effectOfPackage(name: 'basic-ftp' | 'ftp' | 'promise-ftp', way: Way): Promise<object> {
    return effectOf(way, async (scene) => {
      if (name === 'basic-ftp') {
        const { Client } = require('basic-ftp') as { Client: new () => Basic };
        const ftp = new Client();
        try {
          if (!way.connects) await ftp.access(scene.server);
          const given = await way.basic?.(ftp, scene);
          return way.value || Array.isArray(given) ? given : undefined;
        } finally {
          ftp.close();
        }
      }
      const ftp = name === 'ftp' ? promised() : new (require('promise-ftp') as new () => Promised)();
      try {
        if (!way.connects) await ftp.connect(scene.server);
        const given = await way.ftp?.(ftp, scene);
        return way.value || Array.isArray(given) ? given : undefined;
      } finally {
        ftp.destroy();
      }
    });
  }
});

describe('README: what behaves differently from the other packages', () => {
  let server: FtpServer;
  let here: FTP;
  let basic: Basic;
  let ftp: Promised;
  const account = (): { host: string; port: number; user: string; password: string } => ({ host: '127.0.0.1', port: server.port, user: 'user', password: 'secret' });
  beforeEach(async () => {
    server = await FtpServer.start({ users: { user: 'secret' }, files: FILES });
    here = new FTP(account());
  });
  afterEach(async () => {
    here.close();
    await server.close();
  });

  /** With clients of the packages that are logged in. */
  function compare(title: string, act: () => Promise<void>): void {
    itWithPackages(title, async () => {
      basic = new (require('basic-ftp') as { Client: new () => Basic }).Client();
      ftp = promised();
      try {
        await basic.access(account());
        await ftp.connect(account());
        await act();
      } finally {
        basic.close();
        ftp.destroy();
      }
    });
  }

  const reasonOf = (act: Promise<unknown>): Promise<{ code?: unknown; message: string; reply?: Reply }> => act.then(() => expect.fail('it did not fail'), (error: Error) => error);

  compare('calls wait for their turn; basic-ftp throws', async () => {
    expect(await Promise.all([here.size('a'), here.size('dir/x')])).to.deep.equal([BYTES.length, 15]);
    expect((await reasonOf(Promise.all([basic.size('a'), basic.size('dir/x')]))).message).to.include('another one is still running');
  });

  compare('a lost connection is made again by the next call, and there is no event error', async () => {
    server.script = { NOOP: [hangUp()] };
    await reasonOf(here.noop());
    await reasonOf(basic.send('NOOP'));
    expect(await here.size('a')).to.equal(BYTES.length);
    await reasonOf(basic.size('a'));
    expect(basic.closed).to.equal(true);
    await server.close();
    await reasonOf(here.size('a')); // and nothing listens to `error`
    await reasonOf(promised().connect(account())); // rejects by that event
    server = await FtpServer.start();
  });

  it('streams send nothing before they are used', async () => {
    const streams = [here.retr('a'), here.stor('b'), here.list('dir')];
    await here.pwd();
    expect(server.commands.filter((line) => /^(RETR|STOR|LIST|MLSD|EPSV)/.test(line))).to.deep.equal([]);
    for (const stream of streams) stream.destroy();
    expect(server.files.has('/b')).to.equal(false);
  });

  compare('an error has a string as its code, and the number in its reply', async () => {
    const { code, reply } = await reasonOf(here.size('missing'));
    expect([code, reply?.code]).to.deep.equal(['ERR_FTP_PERMANENT', 550]);
    expect([(await reasonOf(basic.size('missing'))).code, (await reasonOf(ftp.size('missing'))).code]).to.deep.equal([550, 550]);
  });

  compare('an entry has a type and a Date', async () => {
    const entries = await here.list('dir').toArray();
    expect(entries.map(({ name, type }) => [name, type])).to.deep.include.members([['x', 'file'], ['sub', 'directory']]);
    const x = entries.find(({ name }) => name === 'x');
    expect(x?.modified?.toISOString()).to.equal('2020-02-29T12:34:56.000Z');
    expect((await basic.list('dir')).filter(({ isDirectory }) => isDirectory).map(({ name }) => name)).to.deep.equal(['sub']);
    const theirs = (await ftp.list('dir')) as readonly { type?: string; name: string }[];
    expect(theirs.map(({ name, type }) => [name, type])).to.deep.include.members([['x', '-'], ['sub', 'd']]);
  });

  compare('mkd does not enter the folder, as ensureDir does', async () => {
    await here.mkd('new');
    await basic.ensureDir('other');
    expect([await here.pwd(), await basic.pwd()]).to.deep.equal(['/', '/other']);
  });

  compare('quit() waits for what is under way, and close() breaks it off', async () => {
    const whole = buffer(here.retr('a'));
    await here.quit();
    expect((await whole).equals(BYTES)).to.equal(true);
    expect(server.commands).to.include('QUIT');
    const [one, two] = [new FTP(account()), basic];
    const broken = [reasonOf(one.size('a')), reasonOf(two.size('a'))];
    one.close();
    two.close();
    await Promise.all(broken);
  });

  for (const real of realServers().filter(({ name }) => ['vsftpd-plain', 'proftpd-plain'].includes(name))) {
    it(`a path is never a pattern: ${real.name}`, async () => {
      const client = new FTP(optionsOf(real));
      const folder = `pattern-${process.pid}-${real.name}`;
      try {
        await client.mkd(folder);
        await client.put(Buffer.from('one'), `${folder}/one.txt`);
        expect((await reasonOf(client.list(`${folder}/*.txt`).toArray())).code).to.equal('ERR_FTP_PERMANENT');
        expect((await client.list(`${folder}/one.txt`).toArray()).map(({ name }) => name)).to.deep.equal(['one.txt']);
      } finally {
        await client.delete(`${folder}/one.txt`);
        await client.rmd(folder);
        await client.quit();
      }
    });
  }
});

/** Runs the code of a cell with the names that the README gives it; it need not know the port and the certificate. */
function evaluate(code: string, { server, ca, here, ...names }: Scene): Promise<unknown> {
  const known = { ...server, ...names, ca, ftp: here, pipeline, buffer, ...ftplib };
  const text = code.replace('{ host', `{ port, ${code.includes('user') ? '' : 'user, password, '}${ca ? 'tls: { ca }, ' : ''}host`);
  const run = new Function(...Object.keys(known), `return (async () => (${text}))()`) as (...values: unknown[]) => Promise<unknown>;
  return run(...Object.values(known));
}

/** The package ftp with promises in place of callbacks. */
function promised(): Promised {
  const client = new (require('ftp') as new () => Record<string, (...args: unknown[]) => unknown> & NodeJS.EventEmitter)();
  return new Proxy(client, {
    get(_, name: string) {
      const method = client[name]?.bind(client);
      if (name === 'connect') {
        return async (options: object) => {
          const ready = once(client, 'ready'); // rejects at `error`
          method?.(options);
          await ready;
        };
      }
      return ['end', 'destroy'].includes(name) || !method ? method : promisify(method);
    },
  }) as unknown as Promised;
}

/** What is written as code in a cell. */
function codesIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function treeOf(server: FtpServer): object {
  return Object.fromEntries([...server.files].map(([path, node]) => [path, node.kind === 'file' ? `${node.mode} ${server.read(path).toString('hex')}` : node.kind]).sort());
}

function folderTree(folder: string): object {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return Object.fromEntries(entries.map((each) => [join(each.parentPath, each.name), each.isFile() ? readFileSync(join(each.parentPath, each.name), 'hex') : 'folder']).sort());
}
