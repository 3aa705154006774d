import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex, Readable, Writable } from 'node:stream';
import {
  ArgumentError, FTP, FTPPool, get, ListParser, mirror, open, parseList, progress, put, ReplyParser, throttle, downloadTree, uploadTree, walk, watch, type FTPOptions,
} from '../lib/index';
import { checkNames } from '../lib/options';
import { scene } from './support/client';

type Stream = Readable | Writable | Duplex;

/** Where options come in: what is called with them, and one of each that is known. */
interface Door {
  readonly known: readonly string[];
  /** Makes a stream, a promise, or something that is made without I/O. */
  call(ftp: FTP, pool: FTPPool, options: object): unknown;
}

const CLIENT = [
  'host', 'port', 'user', 'password', 'account', 'afterLogin', 'pipelining', 'secure', 'tls', 'pin', 'strictTlsClose', 'passive', 'extended', 'compress', 'trustServerPasvAddress', 'timeout', 'connectTimeout', 'replyTimeout',
  'stallTimeout', 'keepAlive', 'keepAliveDuringTransfers', 'mlsd', 'enterFolders', 'serverTimeZoneOffset', 'localAddress', 'localPortRange', 'family', 'encoding', 'maxReplyLineBytes', 'maxReplyBytes', 'maxLineBytes',
  'maxReadAheadBytes', 'netrc', 'signal', 'proxy', 'createConnection',
];
const RETR = ['start', 'end', 'retry', 'verify', 'segments', 'segmentBuffer', 'signal', 'highWaterMark'];
const STOR = ['start', 'verify', 'temporaryName', 'parents', 'signal', 'highWaterMark'];
const LIST = ['format', 'now', 'serverTimeZoneOffset', 'keepDots', 'all', 'enter', 'signal'];
const MLSD = ['facts', 'keepDots', 'signal'];
const WALK = ['depth', 'filter', 'followSymlinks', 'maxPendingBytes', 'signal'];
const WATCH = ['interval', 'settle', 'filter', 'recursive', 'since', 'retry', 'maxPendingBytes', 'signal'];
const TREE = [
  'overwrite', 'compare', 'manifest', 'modes', 'swap', 'delete', 'filter', 'dryRun', 'preserveTimes', 'preserveModes', 'concurrency', 'temporaryName', 'symlinks', 'names', 'continueOnError', 'depth', 'maxPendingBytes', 'parents', 'signal', 'retry', 'verify', 'throttle',
  'progress', 'progressInterval',
];
const GET = ['retry', 'resume', 'segments', 'verify', 'preserveTimes', 'signal', 'throttle', 'progress', 'progressInterval'];
const PUT = ['retry', 'resume', 'temporaryName', 'verify', 'parents', 'size', 'signal', 'throttle', 'progress', 'progressInterval'];
const LINES = ['format', 'now', 'serverTimeZoneOffset', 'keepDots', 'onUnparsed', 'encoding', 'maxLineBytes'];

describe('the names of options', () => {
  const stage = scene();
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'options-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const doors: Record<string, Door> = {
    'new FTP': { known: CLIENT, call: (_ftp, _pool, options) => new FTP(options) },
    'new FTPPool': { known: [...CLIENT, 'connections'], call: (_ftp, _pool, options) => new FTPPool(options) },
    open: { known: CLIENT, call: (_ftp, _pool, options) => open('ftp://localhost/file', options) },
    ...clientDoors('', (ftp) => ftp),
    ...clientDoors('pool.', (_ftp, pool) => pool as unknown as FTP),
    get: { known: GET, call: (ftp, _pool, options) => get(ftp, 'file', join(folder, 'file'), options) },
    put: { known: PUT, call: (ftp, _pool, options) => put(ftp, Buffer.from('x'), 'new', options) },
    walk: { known: WALK, call: (ftp, _pool, options) => walk(ftp, '', options) },
    watch: { known: WATCH, call: (ftp, _pool, options) => watch(ftp, '', options) },
    downloadTree: { known: TREE, call: (ftp, _pool, options) => downloadTree(ftp, '', folder, options) },
    uploadTree: { known: TREE, call: (ftp, _pool, options) => uploadTree(ftp, folder, '', options) },
    'mirror, down': { known: TREE, call: (client, _pool, options) => mirror(withPlaces(options, { from: { client, path: '' }, to: folder })) },
    'mirror, up': { known: TREE, call: (client, _pool, options) => mirror(withPlaces(options, { from: folder, to: { client, path: '' } })) },
    progress: { known: ['total', 'interval'], call: (_ftp, _pool, options) => progress(options) },
    throttle: { known: [], call: (_ftp, _pool, options) => throttle(1000, options)() },
    ReplyParser: { known: ['encoding', 'maxLineBytes', 'maxReplyBytes'], call: (_ftp, _pool, options) => new ReplyParser(options) },
    ListParser: { known: LINES, call: (_ftp, _pool, options) => new ListParser(options) },
    'parseList of text': { known: LINES, call: (_ftp, _pool, options) => parseList('', options) },
    'parseList of bytes': { known: LINES, call: (_ftp, _pool, options) => parseList(Buffer.alloc(0), options) },
  };

  function clientDoors(prefix: string, clientOf: (ftp: FTP, pool: FTPPool) => FTP): Record<string, Door> {
    const door = (known: readonly string[], call: (client: FTP, options: object) => unknown): Door => ({ known, call: (ftp, pool, options) => call(clientOf(ftp, pool), options) });
    const verbs: Record<string, Door> = {
      retr: door(RETR, (ftp, options) => ftp.retr('file', options)),
      retrbinary: door(RETR, (ftp, options) => ftp.retrbinary('RETR file', options)),
      retrlines: door(['signal', 'highWaterMark'], (ftp, options) => ftp.retrlines('RETR file', options)),
      stor: door(STOR, (ftp, options) => ftp.stor('new', options)),
      appe: door(['signal', 'highWaterMark'], (ftp, options) => ftp.appe('new', options)),
      stou: door(['signal', 'highWaterMark'], (ftp, options) => ftp.stou(undefined, options)),
      storbinary: door(STOR, (ftp, options) => ftp.storbinary('STOR new', options)),
      storlines: door(['signal', 'highWaterMark'], (ftp, options) => ftp.storlines('STOR new', options)),
      nlst: door(['signal', 'highWaterMark'], (ftp, options) => ftp.nlst('', options)),
      dir: door(['signal', 'highWaterMark'], (ftp, options) => ftp.dir('', options)),
      list: door(LIST, (ftp, options) => ftp.list('', options)),
      mlsd: door(MLSD, (ftp, options) => ftp.mlsd('', options)),
      walk: door(WALK, (ftp, options) => ftp.walk('', options)),
      watch: door(WATCH, (ftp, options) => ftp.watch('', options)),
      downloadTree: door(TREE, (ftp, options) => ftp.downloadTree('', folder, options)),
      uploadTree: door(TREE, (ftp, options) => ftp.uploadTree(folder, '', options)),
      get: door(GET, (ftp, options) => ftp.get('file', join(folder, 'file'), options)),
      put: door(PUT, (ftp, options) => ftp.put(Buffer.from('x'), 'new', options)),
      'retr, retry': door(['attempts', 'backoff', 'maxDelay'], (ftp, options) => ftp.retr('file', { retry: options })),
      'get, retry': door(['attempts', 'backoff', 'maxDelay'], (ftp, options) => ftp.get('file', join(folder, 'file'), { retry: options })),
      'put, retry': door(['attempts', 'backoff', 'maxDelay'], (ftp, options) => ftp.put(Buffer.from('x'), 'new', { retry: options })),
    };
    return Object.fromEntries(Object.entries(verbs).map(([verb, each]) => [`${prefix}${verb}`, each]));
  }

  for (const [name, { known, call }] of Object.entries(doors)) {
    describe(name, () => {
      async function outcome(options: unknown): Promise<unknown> {
        const server = await stage.serve({ files: { '/file': 'x' } });
        const where = { host: server.host, port: server.port, user: 'user', password: 'secret' };
        const ftp = stage.client(server);
        const pool = new FTPPool(where);
        try {
          const made = await call(ftp, pool, options as object);
          if (isStream(made)) made.on('error', () => undefined).destroy();
          return undefined;
        } catch (error) {
          return error;
        } finally {
          pool.close();
        }
      }

      it('refuses an option that is not known, also one that is undefined', async () => {
        for (const options of [{ nonsense: 1 }, { nonsense: undefined }, { ...undefinedOnes(known), nonsense: null }, { ['__proto__']: 1 }, { toString: 1 }, Object.create({ nonsense: 1 })]) {
          const error = await outcome(options);
          expect(error).to.be.instanceOf(ArgumentError);
          expect((error as ArgumentError).message).to.match(/^unknown option (retry\.)?(nonsense|__proto__|toString)$/);
        }
      });

      it('takes all that are known, also without a value', async () => {
        expect(await outcome(undefinedOnes(known))).to.equal(undefined);
      });

      it('refuses a value that is of no use, before anything is sent', async () => {
        const client = new FTP({ host: 'localhost' });
        const pool = new FTPPool({ host: 'localhost' });
        for (const option of known) {
          const error: unknown = await Promise.resolve().then(() => call(client, pool, { [option]: Symbol('nonsense') })).then(() => 'taken', (reason: unknown) => reason);
          expect(error, option).to.be.instanceOf(ArgumentError);
        }
      });

      it('refuses what is no object', async () => {
        const others = [null, [], ['nonsense'], 7, true];
        const also = name === 'progress' ? [] : [() => undefined]; // its listener
        for (const options of [...others, ...also]) {
          if (name.includes('retry') && (options === 7 || options === true)) continue; // attempts, and the defaults
          expect(await outcome(options), String(options)).to.be.instanceOf(ArgumentError);
        }
      });
    });
  }

  const meant: [options: object, message: string][] = [
    [{ secureOptions: {} }, 'unknown option secureOptions; did you mean secure?'],
    [{ pass: 'x' }, 'unknown option pass; did you mean password or passive?'],
    [{ time_out: 3 }, 'unknown option time_out; did you mean timeout?'],
    [{ hots: 'h' }, 'unknown option hots; did you mean host?'],
    [{ Host: 'h' }, 'unknown option Host; did you mean host?'],
    [{ username: 'u' }, 'unknown option username; did you mean user?'],
    [{ passwd: 'p' }, 'unknown option passwd; did you mean password?'],
    [{ pasive: false }, 'unknown option pasive; did you mean passive?'],
    [{ maxReplyLineByte: 1 }, 'unknown option maxReplyLineByte; did you mean maxReplyLineBytes?'],
    [{ conections: 2 }, 'unknown option conections'],
    [{ x: 1 }, 'unknown option x'],
    [{ 'a\nb': 1 }, 'unknown option "a\\nb"'],
    [{ retries: 3 }, 'unknown option retries'],
    [{ proxies: 'http://h' }, 'unknown option proxies'],
  ];
  for (const [options, message] of meant) {
    it(`says ${JSON.stringify(message)}`, () => {
      expect(() => new FTP(options as FTPOptions)).to.throw(ArgumentError, message).with.property('message').that.equals(message);
    });
  }

  it('names options within options by their path', () => {
    const ftp = new FTP();
    expect(() => ftp.retr('a', { retry: { atempts: 3 } as object })).to.throw(ArgumentError, 'unknown option retry.atempts; did you mean retry.attempts?');
    expect(() => mirror({ from: { client: ftp, path: '', pth: 1 } as never, to: '/' })).to.throw(ArgumentError, 'unknown option from.pth; did you mean from.path?');
    expect(() => mirror({ form: '/', to: { client: ftp, path: '' } } as never)).to.throw(ArgumentError, 'unknown option form; did you mean from?');
    expect(() => new FTPPool({ conections: 2 } as object)).to.throw(ArgumentError, 'unknown option conections; did you mean connections?');
  });

  it('are for their verb: what one has no use for, it refuses', () => {
    const ftp = new FTP();
    for (const name of ['start', 'end', 'segments', 'retry', 'verify']) expect(() => ftp.retrlines('RETR a', { [name]: 1 })).to.throw(ArgumentError, `${name} is for TYPE I, not for text`);
    expect(() => ftp.storlines('STOR a', { start: 1 } as object)).to.throw(ArgumentError, 'start is for TYPE I, not for text');
    expect(() => ftp.appe('a', { start: 1 } as object)).to.throw(ArgumentError, 'start is for STOR, not APPE');
    expect(() => ftp.stou('a', { start: 1 } as object)).to.throw(ArgumentError, 'start is for STOR, not STOU');
  });

  it('say where a signal goes that is given in their place', () => {
    const ftp = new FTP();
    const { signal } = new AbortController();
    for (const call of [() => ftp.retr('a', signal as object), () => ftp.list('', signal as object), () => ftp.walk('', signal as object)]) expect(call).to.throw(ArgumentError, 'a signal goes into the options: { signal }');
  });

  it('refuses facts that are no array of names', () => {
    for (const facts of ['size', 7, null, [7], [''], ['a b'], [undefined], {}]) {
      expect(() => new FTP().mlsd('', { facts } as object), JSON.stringify(facts)).to.throw(ArgumentError, 'facts must be an array of names');
    }
    new FTP().mlsd('', { facts: ['size', 'unix.mode'] }).destroy();
  });

  it('refuses tls that is no object', () => {
    for (const tls of [null, 'x', [], 7, () => undefined]) expect(() => new FTP({ tls } as object), String(tls)).to.throw(ArgumentError, 'tls must be an object');
  });

  it('are compared in time that does not count: none of it is allocated', () => {
    const names = { start: true, end: true, retry: true, verify: true, signal: true, highWaterMark: true } as const;
    const options = { start: 1, end: 2, highWaterMark: 3 };
    for (let warm = 0; warm < 20_000; warm++) checkNames(options, names);
    const { heapUsed } = process.memoryUsage();
    for (let call = 0; call < 100_000; call++) checkNames(options, names);
    expect(process.memoryUsage().heapUsed - heapUsed).to.be.below(500_000);
  });
});

function undefinedOnes(names: readonly string[]): object {
  return Object.fromEntries(names.map((name) => [name, undefined]));
}

/** The options with the two places of a mirror; what is no object stays as it is. */
function withPlaces(options: object, places: object): never {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) return options as never;
  const own = { ...Object.getOwnPropertyDescriptors(options), ...Object.getOwnPropertyDescriptors(places) };
  return Object.create(Object.getPrototypeOf(options) as object, own) as never;
}

function isStream(value: unknown): value is Stream {
  return typeof (value as Stream | undefined)?.destroy === 'function';
}
