import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { finished, pipeline } from 'node:stream/promises';
import { ArgumentError, ConnectionClosedError, type Entry, FTPPool, type FTPPoolOptions, isFTPError, parseFTPURL, PermanentError, rawNameOf, RemovalError, type RetrStream, TimeoutError } from '../../lib';

/**
 * A page for a folder of an FTP server: browse, download, upload, make folders, rename, delete.
 *
 *     npx ts-node examples/gateway/server.ts ftp://user:password@host /pub 8080
 *
 * Without a folder, or with an empty one, that of the URL is shown.
 * Who reaches the page can do what the FTP user can. It listens on loopback, and nothing asks for a password: put it after something that does.
 *
 * The page's requests are those of WebDAV, with the path of a file, or of a folder with a slash at its end, after `/files`:
 *
 *     GET /files/pub/          lines of JSON: an entry each, then `{"complete":true}`, with `unread` lines of the listing if there were such, or `{"error":"…"}`
 *     GET /files/pub/a         the file, or a range of it
 *     PUT /files/pub/a         an upload; with the header `If-None-Match: *` it replaces nothing
 *     MKCOL /files/pub/new/    a new folder
 *     MOVE /files/pub/a        a rename, to the path in the header `Destination`
 *     DELETE /files/pub/a      and with a slash at the end of a folder and all that is in it
 */
export function gateway(ftp: FTPPoolOptions | string, { root = '/', hosts = ['localhost', '127.0.0.1', '[::1]'] }: GatewayOptions = {}): Server {
  // Transfers have connections of their own: however many there are, and however slow, a listing need not wait for them.
  const place: Place = { root: root.replace(/\/*$/, ''), transfers: new FTPPool(ftp), folders: new FTPPool(ftp), foreign: new Set(), making: new Map() };
  const page = pageWithPolicy();
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const path = (request.url ?? '').split('?', 1)[0] as string;
    const answered = !isNamed(request.headers, hosts)
      ? Promise.reject(new Refusal(421, 'This is not the host that the request names.'))
      : path === '/' ? show(page, response) : answer(place, path, request, response);
    answered.catch((error: unknown) => fail(error, request, response));
  };
  // An upload may take hours: only the headers of a request have a limit. A browser whose machine is gone is found out by TCP.
  const server = createServer({ requestTimeout: 0, headersTimeout: 60_000, keepAlive: true, keepAliveInitialDelay: 60_000 }, handle);
  return server.on('checkContinue', handle).on('close', () => {
    place.transfers.close();
    place.folders.close();
  });
}

export interface GatewayOptions {
  /** The folder of the FTP server that is shown, from the server's root on; no path leads out of it, but a symlink on the server may. Default `/`. */
  readonly root?: string;
  /** The names that the page is reached by, without a port: a page of another name that leads here (DNS rebinding) is refused. Default: those of loopback. */
  readonly hosts?: readonly string[];
}

interface Place {
  readonly root: string;
  readonly transfers: FTPPool;
  readonly folders: FTPPool;
  /** Names that were listed and are no UTF-8. */
  readonly foreign: Set<string>;
  /** The end of the last upload or rename to each path that has one. */
  readonly making: Map<string, Promise<unknown>>;
}

/** A request that never gets to the FTP server. */
class Refusal extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

/** Of every response. What comes from the FTP server is nobody's page: no script in it runs, whatever a browser takes it for. */
const HEADERS = {
  'Content-Security-Policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-cache',
};

/** Names of uploads that are not complete, as the option `temporaryName` makes them. */
const TEMPORARY = /^\..*\.[0-9a-f]{8}\.part$/s;

const TAKEN = 'There is something of this name already.';

/** A limit to what is remembered. */
const MOST_FOREIGN = 65_536;

async function answer(place: Place, url: string, request: IncomingMessage, response: ServerResponse): Promise<unknown> {
  if (!isOfThisPage(request.headers)) throw new Refusal(403, 'Only the page itself may ask for that.');
  if (!url.startsWith('/files/')) throw new Refusal(404, 'There is nothing here.');
  const { root, folders } = place;
  const path = pathOf(root, url);
  const left = new AbortController(); // a browser that leaves costs what it asked for, and no connection
  const { signal } = left;
  response.once('close', () => left.abort());
  if (path === `${root}/` && request.method !== 'GET' && request.method !== 'HEAD') throw new Refusal(400, 'The first folder stays as it is.');
  switch (`${request.method} ${url.endsWith('/') ? 'folder' : 'file'}`) {
    case 'HEAD folder':
    case 'GET folder':
      response.setHeader('Content-Type', 'application/x-ndjson; charset=utf-8');
      return pipeline(lines(place, folders.list(path, { signal }), response), response);
    case 'HEAD file':
    case 'GET file':
      return download(place, path, url, request, response, signal);
    case 'PUT file':
      await upload(place, path, request, response, signal);
      return response.writeHead(201).end();
    case 'MKCOL folder':
      await folders.mkd(path, { signal });
      return response.writeHead(201).end();
    case 'DELETE file':
      await folders.delete(path, { signal });
      return response.writeHead(204).end();
    case 'DELETE folder':
      await folders.rmd(path, { recursive: true, signal });
      return response.writeHead(204).end();
    case 'MOVE file':
    case 'MOVE folder': {
      const to = pathOf(root, String(request.headers['destination']));
      if (place.making.has(to)) throw new Refusal(409, TAKEN);
      await inTurn(place, to, async () => {
        if (await folders.exists(to, { signal })) throw new Refusal(409, TAKEN); // many servers replace it
        await folders.rename(path, to, { signal });
      });
      return response.writeHead(204).end();
    }
    default:
      response.setHeader('Allow', 'GET, HEAD, PUT, MKCOL, MOVE, DELETE');
      throw new Refusal(405, 'This cannot be done here.');
  }
}

/** A listing as it comes. The status says why it fails, or, when that is sent, the last line. */
async function* lines({ foreign }: Place, entries: RetrStream<Entry>, response: ServerResponse): AsyncGenerator<string> {
  let [text, unread] = ['', 0];
  entries.on('unparsed', () => unread++);
  try {
    for await (const entry of entries) {
      const { name, type, size, modified } = entry;
      if (rawNameOf(entry) && foreign.size < MOST_FOREIGN) foreign.add(name);
      if (TEMPORARY.test(name)) continue;
      text += `${JSON.stringify({ name, type, size, modified })}\n`;
      if (entries.readableLength > 0 && text.length < 16_384) continue; // more is here already
      yield text;
      text = '';
    }
    yield `${text}${JSON.stringify({ complete: true, unread: unread || undefined })}\n`;
  } catch (error) {
    if (!response.headersSent) response.statusCode = statusOf(error, 'GET');
    yield `${text}${JSON.stringify({ error: reasonOf(error) })}\n`;
  }
}

/** Whoever makes something of a name does so after all others who make it, and sees what they have made. */
async function inTurn({ making }: Place, path: string, make: () => Promise<void>): Promise<void> {
  const turn = Promise.resolve(making.get(path)).then(make);
  const over = turn.catch(() => undefined).finally(() => making.get(path) === over && making.delete(path));
  making.set(path, over);
  await turn;
}

/** The name is there when all of the file is. */
async function upload(place: Place, path: string, request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
  if ('content-range' in request.headers) throw new Refusal(400, 'A part of a file cannot be uploaded.'); // RFC 9110, 14.5
  await inTurn(place, path, async () => {
    signal.throwIfAborted();
    if (request.headers['if-none-match'] === '*' && (await place.folders.exists(path, { signal }))) throw new Refusal(412, TAKEN);
    if (request.headers.expect) response.writeContinue();
    await finished(request.pipe(transfersOf(place, path).stor(path, { temporaryName: true, signal })));
  });
}

async function download(place: Place, path: string, url: string, request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<unknown> {
  const { folders } = place;
  // MLST of a symlink gives the size of the link itself in ProFTPD and Pure-FTPd. SIZE and MDTM follow it, and servers refuse them for a folder.
  const [size, modified] = await Promise.all([folders.size(path, { signal }).catch(() => undefined), folders.mdtm(path, { signal }).catch(() => undefined)]);
  if (size === undefined && (await folders.mlst(path, { signal })).type !== 'file') return response.writeHead(303, { Location: `/#${url.slice('/files'.length)}/` }).end();
  const headers: Record<string, string | number> = {
    'Content-Type': 'application/octet-stream',
    'Content-Disposition': disposition(path.slice(path.lastIndexOf('/') + 1)),
  };
  let range: Range | undefined;
  let length = Infinity;
  if (size !== undefined) {
    const etag = etagOf(size, modified);
    if (request.method === 'GET') range = rangeOf(request.headers, size, etag);
    if (range && range.start > range.end) return response.writeHead(416, { 'Content-Range': `bytes */${size}` }).end();
    length = range ? range.end - range.start + 1 : size;
    Object.assign(headers, { 'Accept-Ranges': 'bytes', 'Content-Length': length }, etag && { ETag: etag }, range && { 'Content-Range': `bytes ${range.start}-${range.end}/${size}` });
  }
  const status = range ? 206 : 200;
  if (request.method === 'HEAD') return response.writeHead(status, headers).end();
  const file = transfersOf(place, path).retr(path, { ...range, retry: true, signal });
  await once(file, 'readable'); // a refusal of the server fails here, while a status can say so
  const hasGrown = async (): Promise<boolean> => size !== (await folders.size(path, { signal }));
  return pipeline(file, (chunks: AsyncIterable<Buffer>) => exactly(length, chunks, hasGrown), response.writeHead(status, headers));
}

/** As many bytes as the response has announced. A file that has grown since, as a log does, ends there; what else does not fit breaks the response. */
async function* exactly(length: number, chunks: AsyncIterable<Buffer>, hasGrown: () => Promise<boolean>): AsyncGenerator<Buffer> {
  let rest = length;
  for await (const chunk of chunks) {
    if (chunk.length > rest && !(await hasGrown())) throw new Error('The file is longer than its size.');
    yield chunk.subarray(0, rest);
    rest -= chunk.length;
    if (rest < 0) return;
  }
  if (rest > 0 && rest < Infinity) throw new Error('The file is shorter than its size.');
}

/** Bytes of a name that is no UTF-8 are known only to the connections that have listed it. */
function transfersOf({ folders, transfers, foreign }: Place, path: string): FTPPool {
  return path.split('/').some((name) => foreign.has(name)) ? folders : transfers;
}

/** Nothing for a file that has changed within the last minute: it may change again, and keep the time that the server shows of it (RFC 9110, 8.8.2.2). */
function etagOf(size: number, modified: Date | undefined): string | undefined {
  return modified && Date.now() - modified.getTime() > 60_000 ? `"${size}-${modified.getTime()}"` : undefined;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** The range that is asked for; undefined for the whole file, also where it has changed since the browser had a part of it (RFC 9110, 13.1.5 and 14.2). */
function rangeOf({ range = '', 'if-range': known }: IncomingHttpHeaders, size: number, etag: string | undefined): Range | undefined {
  const [, from, to] = /^bytes=(\d*)-(\d*)$/i.exec(range) ?? [];
  if ((!from && !to) || (known !== undefined && known !== etag)) return undefined;
  if (!from) return { start: to === '0' ? size : Math.max(0, size - Number(to)), end: size - 1 };
  return { start: Number(from), end: Math.min(Number(to || size - 1), size - 1) };
}

/** A name in any script, and for old clients what of it is ASCII (RFC 6266, appendix D; RFC 8187, 3.2.1). */
function disposition(name: string): string {
  const encoded = encodeURIComponent(name).replace(/['()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename="${name.replace(/[^ -~]|["%\\]/g, '_')}"; filename*=UTF-8''${encoded}`;
}

/** The path on the FTP server. Names are decoded once, and none of them leads to another folder, on Windows either. */
function pathOf(root: string, url: string): string {
  const names = url.replace(/^\/files\/|\/$/g, '').split('/').map(decoded);
  if (!/^\/files\/[!-~]*$/.test(url) || names.some((name) => name === undefined || /[/\\\0\r\n]|^ *\.[. ]*$/.test(name))) throw new Refusal(400, 'This is no path.');
  if (names.length > 1 && names.includes('')) throw new Refusal(400, 'This is no path.');
  return `${root}/${names.join('/')}`;
}

function decoded(name: string): string | undefined {
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}

function isNamed({ host = '' }: IncomingHttpHeaders, hosts: readonly string[]): boolean {
  const name = host.replace(/:\d+$/, '').toLowerCase();
  return hosts.some((each) => each.toLowerCase() === name);
}

/** Whether the page asks, or somebody who is no browser. Browsers say in one of these headers, or both, where a request comes from. */
function isOfThisPage({ host, origin, 'sec-fetch-site': site = 'none' }: IncomingHttpHeaders): boolean {
  return (origin === undefined || origin === `http://${host}` || origin === `https://${host}`) && (site === 'same-origin' || site === 'none');
}

/** The page, and the policy that lets nothing run but what is in it. */
function pageWithPolicy(): { readonly html: string; readonly policy: string } {
  const html = readFileSync(join(__dirname, 'page.html'), 'utf8');
  const hash = (tag: string): string => {
    const [, text = ''] = new RegExp(`<${tag}>(.*)</${tag}>`, 's').exec(html) ?? [];
    return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  };
  const own = `script-src ${hash('script')}; style-src ${hash('style')}; connect-src 'self'; img-src data:`;
  return { html, policy: `default-src 'none'; ${own}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'` };
}

async function show({ html, policy }: ReturnType<typeof pageWithPolicy>, response: ServerResponse): Promise<unknown> {
  return response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': policy }).end(html);
}

function fail(error: unknown, request: IncomingMessage, response: ServerResponse): void {
  if (response.headersSent || response.destroyed) return void response.destroy(); // the browser sees that bytes are missing
  response.writeHead(statusOf(error, request.method), { 'Content-Type': 'text/plain; charset=utf-8' }).end(reasonOf(error));
  if (request.complete) return;
  // A connection that is closed while an upload comes may take this response with it: the rest is read, and not for long (RFC 9112, 9.6).
  const late = setTimeout(() => request.destroy(), 5000).unref();
  request.resume().once('close', () => clearTimeout(late));
}

function statusOf(error: unknown, method = ''): number {
  if (error instanceof Refusal) return error.status;
  if (error instanceof ArgumentError) return 400;
  if (error instanceof RemovalError || (error instanceof PermanentError && error.reply?.code !== 530)) return method === 'GET' || method === 'HEAD' ? 404 : 409;
  if (error instanceof TimeoutError) return 504;
  return isFTPError(error) ? 502 : 500;
}

/** In the server's own words where it has some. */
function reasonOf(error: unknown): string {
  if (error instanceof RemovalError) return `${error.failures.length} could not be deleted, such as ${error.failures[0]?.path}: ${reasonOf(error.failures[0]?.error)}`;
  if (error instanceof Refusal) return error.message;
  if (!isFTPError(error)) return 'Something is wrong with this program.';
  const { reply } = error as { reply?: { text: string } };
  if (reply) return `The FTP server says: ${reply.text}`;
  return error instanceof ConnectionClosedError || error instanceof TimeoutError ? `The FTP server cannot be reached: ${error.message}` : error.message;
}

if (require.main === module) {
  const [url = '', root = '', port = '8080'] = process.argv.slice(2);
  const { options, path } = parseFTPURL(url);
  const server = gateway({ ...options, connections: 10 }, { root: root || path || '/' }).listen(Number(port), '127.0.0.1', () => {
    console.log(`http://localhost:${(server.address() as AddressInfo).port}/`);
  });
}
