import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { AbortedError, type FTP } from '../../../lib/index';

/** What the server has in the run's folder, seen past the server. */
export interface Store {
  has(name: string): boolean;
  read(name: string): Buffer;
}

/** What an operation works on. */
export interface Scene {
  /** The client under test, whose connections suffer. */
  readonly ftp: FTP;
  /** A client with connections of its own, which do not. */
  readonly helper: FTP;
  /** The run's folder, as the server names it. */
  readonly folder: string;
  readonly store: Store;
  /** A name that no other operation uses. */
  readonly name: string;
  /** What is transferred. */
  readonly payload: Buffer;
  /** What this server answers without faults: its listings of the folder `list`, and the time of `known.bin`. */
  readonly facts: ReadonlyMap<string, string>;
  /** The stream of a transfer, for the phase that its error must have. */
  stream?: Readable | Writable;
}

/** One thing that a client can do, and how to see that it was done right. */
export interface Operation {
  readonly name: string;
  readonly transfer?: 'down' | 'up';
  /** The data have no announced size: a FIN in their midst looks like their end. */
  readonly unsized?: boolean;
  /** The folder is another one afterwards. */
  readonly moves?: boolean;
  /** A corrupted command could mean something else to the server, or a corrupted reply another value. */
  readonly fragile?: boolean;
  /** The client is over afterwards. */
  readonly ends?: boolean;
  /** The server must offer this. */
  readonly needs?: string;
  prepare?(scene: Scene): Promise<void>;
  /** Returns what is wrong with a success. */
  act(scene: Scene): Promise<string | undefined>;
  /** True when the server has done what cannot be told from its reply any more. */
  happened?(scene: Scene): boolean;
}

/** The file of the run's folder that `size()` is asked about. */
export const KNOWN = { name: 'known.bin', bytes: 4321 } as const;
/** Lines of the file `lines.txt`. */
export const LINES: readonly string[] = Array.from({ length: 400 }, (_, n) => `line ${n} ${'x'.repeat(n % 70)}`);
/** Names in the folder `list`. */
export const NAMES: readonly string[] = Array.from({ length: 60 }, (_, n) => `entry ${String(n).padStart(2, '0')}.txt`);

const text = `${LINES.join('\n')}\n`;

/** Every verb. */
export const OPERATIONS: readonly Operation[] = [
  { name: 'retr', transfer: 'down', prepare: putPayload, act: (scene) => download(scene, scene.ftp.retr(path(scene)), scene.payload) },
  {
    name: 'retr from',
    transfer: 'down', fragile: true, // another digit of REST is another byte
    prepare: putPayload,
    act: (scene) => {
      const start = scene.payload.length >> 1;
      return download(scene, scene.ftp.retr(path(scene), { start }), scene.payload.subarray(start));
    },
  },
  {
    name: 'retr range',
    transfer: 'down', fragile: true,
    prepare: putPayload,
    act: (scene) => {
      const [start, end] = [scene.payload.length >> 2, scene.payload.length >> 1];
      return download(scene, scene.ftp.retr(path(scene), { start, end }), scene.payload.subarray(start, end + 1));
    },
  },
  { name: 'retrbinary', transfer: 'down', prepare: putPayload, act: (scene) => download(scene, scene.ftp.retrbinary(`RETR ${path(scene)}`), scene.payload) },
  { name: 'retrlines', transfer: 'down', unsized: true, act: (scene) => lines(scene, scene.ftp.retrlines(`RETR ${scene.folder}/lines.txt`), LINES.join('\n')) },
  { name: 'nlst', transfer: 'down', unsized: true, act: (scene) => lines(scene, scene.ftp.nlst(`${scene.folder}/list`), scene.facts.get('NLST')) },
  { name: 'dir', transfer: 'down', unsized: true, act: (scene) => lines(scene, scene.ftp.dir(`${scene.folder}/list`), scene.facts.get('LIST')) },
  { name: 'mlsd', transfer: 'down', unsized: true, needs: 'MLST', act: (scene) => lines(scene, scene.ftp.retrlines(`MLSD ${scene.folder}/list`), scene.facts.get('MLSD')) },
  { name: 'stor', transfer: 'up', fragile: true, act: (scene) => upload(scene, scene.ftp.stor(path(scene)), scene.payload), happened: arrived },
  {
    name: 'stor over',
    transfer: 'up',
    fragile: true,
    prepare: (scene) => put(scene, Buffer.alloc(scene.payload.length + 99, 'old')),
    act: (scene) => upload(scene, scene.ftp.stor(path(scene)), scene.payload),
    happened: arrived,
  },
  {
    name: 'stor from',
    transfer: 'up',
    fragile: true,
    prepare: (scene) => put(scene, scene.payload.subarray(0, scene.payload.length >> 1)),
    act: (scene) => {
      const start = scene.payload.length >> 1;
      return upload(scene, scene.ftp.stor(path(scene), { start }), scene.payload.subarray(start));
    },
    happened: arrived,
  },
  {
    name: 'appe',
    transfer: 'up',
    fragile: true,
    prepare: (scene) => put(scene, scene.payload.subarray(0, 10)),
    act: (scene) => upload(scene, scene.ftp.appe(path(scene)), scene.payload.subarray(10)),
    happened: arrived,
  },
  { name: 'storbinary', transfer: 'up', fragile: true, act: (scene) => upload(scene, scene.ftp.storbinary(`STOR ${path(scene)}`), scene.payload), happened: arrived },
  {
    name: 'storlines',
    transfer: 'up',
    fragile: true,
    act: async (scene) => {
      await send(scene, scene.ftp.storlines(`STOR ${path(scene)}`), Buffer.from(text));
      return differs(Buffer.from(read(scene).toString().replaceAll('\r\n', '\n')), Buffer.from(text));
    },
  },
  {
    name: 'stou',
    moves: true,
    transfer: 'up',
    fragile: true,
    act: async (scene) => {
      await scene.ftp.cwd(scene.folder);
      const stream = scene.ftp.stou();
      await send(scene, stream, scene.payload);
      const name = stream.storedAs;
      return name === undefined ? 'no name of the stored file' : differs(scene.store.read(name), scene.payload);
    },
  },
  { name: 'retr abort', transfer: 'down', prepare: putPayload, act: (scene) => abort(scene) },
  { name: 'retr leave', transfer: 'down', prepare: putPayload, act: (scene) => leave(scene) },
  { name: 'pwd', fragile: true, act: async ({ ftp }) => equal(await ftp.pwd(), '/') },
  { name: 'cwd', fragile: true, moves: true, act: async ({ ftp, folder }) => answered((await ftp.cwd(folder)).code, 250) },
  { name: 'cdup', fragile: true, act: async ({ ftp }) => answered((await ftp.cdup()).code, 250, 200) },
  { name: 'size', fragile: true, act: async ({ ftp, folder }) => equal(await ftp.size(`${folder}/${KNOWN.name}`), KNOWN.bytes) },
  { name: 'mdtm', fragile: true, act: async ({ ftp, folder, facts }) => equal((await ftp.mdtm(`${folder}/${KNOWN.name}`)).toISOString(), facts.get('MDTM')) },
  {
    name: 'mfmt',
    fragile: true,
    needs: 'MFMT',
    prepare: putPayload,
    act: async (scene) => answered((await scene.ftp.mfmt(path(scene), new Date(0))).code, 213),
  },
  {
    name: 'mkd',
    fragile: true,
    act: async (scene) => ((await scene.ftp.mkd(path(scene))) !== '' && there(scene) ? undefined : 'no folder'),
    happened: there,
  },
  {
    name: 'rmd',
    fragile: true,
    prepare: async (scene) => void (await scene.helper.mkd(path(scene))),
    act: async (scene) => (answered((await scene.ftp.rmd(path(scene))).code, 250) ?? there(scene) ? 'the folder is there' : undefined),
    happened: (scene) => !there(scene),
  },
  {
    name: 'delete',
    fragile: true,
    prepare: putPayload,
    act: async (scene) => (answered((await scene.ftp.delete(path(scene))).code, 250) ?? there(scene) ? 'the file is there' : undefined),
    happened: (scene) => !there(scene),
  },
  {
    name: 'rename',
    fragile: true,
    prepare: putPayload,
    act: async (scene) => {
      await scene.ftp.rename(path(scene), `${path(scene)}.new`);
      return there(scene) ? 'the old name is there' : differs(scene.store.read(`${scene.name}.new`), scene.payload);
    },
    happened: (scene) => !there(scene),
  },
  { name: 'feat', act: async ({ ftp }) => ((await ftp.feat()).size > 3 ? undefined : 'no features'), fragile: true },
  { name: 'opts', act: async ({ ftp }) => answered((await ftp.opts('UTF8 ON')).code, 200) },
  { name: 'syst', act: async ({ ftp }) => answered((await ftp.syst()).code, 215) },
  { name: 'stat', act: async ({ ftp }) => answered((await ftp.stat()).code, 211) },
  { name: 'help', act: async ({ ftp }) => answered((await ftp.help()).code, 214) },
  { name: 'noop', act: async ({ ftp }) => answered((await ftp.noop()).code, 200) },
  { name: 'site', act: async ({ ftp }) => answered((await ftp.site('HELP')).code, 214) },
  { name: 'sendcmd', act: async ({ ftp }) => answered((await ftp.sendcmd('TYPE A')).code, 200) },
  { name: 'voidcmd', act: async ({ ftp }) => answered((await ftp.voidcmd('NOOP')).code, 200) },
  {
    name: 'quit',
    ends: true,
    act: async ({ ftp }) => {
      await ftp.noop(); // quit() does not connect
      return answered((await ftp.quit())?.code ?? 221, 221); // a connection that is lost is none to quit
    },
  },
  {
    name: 'many sizes',
    fragile: true,
    act: async ({ ftp, folder }) => {
      const [sizes, folderNow] = await Promise.all([Promise.all(Array.from({ length: 20 }, () => ftp.size(`${folder}/${KNOWN.name}`))), ftp.pwd()]);
      return equal(folderNow, '/') ?? sizes.map((size) => equal(size, KNOWN.bytes)).find((complaint) => complaint);
    },
  },
];

/** The lines as one text; a folder's own lines change with whatever is made beside it. */
export function listed(lines: readonly string[]): string {
  return lines.filter((line) => !/type=[cp]dir;/i.test(line)).join('\n');
}

function path({ folder, name }: Scene): string {
  return `${folder}/${name}`;
}

function there({ store, name }: Scene): boolean {
  return store.has(name);
}

function read({ store, name }: Scene): Buffer {
  return store.read(name);
}

function arrived(scene: Scene): boolean {
  return scene.payload.length > 10 && there(scene) && read(scene).equals(scene.payload);
}

async function put(scene: Scene, bytes: Buffer): Promise<void> {
  const stream = scene.helper.stor(path(scene));
  stream.end(bytes);
  await finished(stream);
}

function putPayload(scene: Scene): Promise<void> {
  return put(scene, scene.payload);
}

async function download(scene: Scene, stream: Readable, expected: Buffer): Promise<string | undefined> {
  scene.stream = stream;
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return differs(Buffer.concat(chunks), expected);
}

async function lines(scene: Scene, stream: Readable, expected: string | undefined): Promise<string | undefined> {
  scene.stream = stream;
  const found: string[] = [];
  for await (const line of stream) found.push(line as string);
  return equal(listed(found), expected);
}

async function send(scene: Scene, stream: Writable, bytes: Buffer): Promise<void> {
  scene.stream = stream;
  const half = bytes.length >> 1;
  stream.write(bytes.subarray(0, half));
  stream.end(bytes.subarray(half));
  await finished(stream);
}

async function upload(scene: Scene, stream: Writable, bytes: Buffer): Promise<string | undefined> {
  await send(scene, stream, bytes);
  return differs(read(scene), scene.payload);
}

/** An aborted transfer fails with AbortedError, unless it was over before. */
async function abort(scene: Scene): Promise<string | undefined> {
  const stream = scene.ftp.retr(path(scene));
  scene.stream = stream;
  stream.read(0);
  const ended = finished(stream).catch((error: Error) => error);
  await Promise.race([once(stream, 'open').catch(() => undefined), ended]);
  await scene.ftp.abort();
  stream.resume();
  const failure = await ended;
  if (failure instanceof AbortedError) return undefined;
  if (failure) throw failure;
  return equal(stream.bytesRead, scene.payload.length);
}

/** Leaving early is no error. */
async function leave(scene: Scene): Promise<string | undefined> {
  const stream = scene.ftp.retr(path(scene));
  scene.stream = stream;
  for await (const chunk of stream) {
    const bytes = chunk as Buffer;
    return differs(bytes, scene.payload.subarray(0, bytes.length));
  }
  return scene.payload.length === 0 ? undefined : 'no bytes';
}

function differs(found: Buffer, expected: Buffer): string | undefined {
  return found.equals(expected) ? undefined : `${found.length} bytes instead of ${expected.length}`;
}

function equal(found: string | number, expected: string | number | undefined): string | undefined {
  return found === expected ? undefined : `${JSON.stringify(found)?.slice(0, 200)} instead of ${JSON.stringify(expected)?.slice(0, 200)}`;
}

function answered(code: number, ...expected: number[]): string | undefined {
  return expected.includes(code) ? undefined : `code ${code}`;
}
