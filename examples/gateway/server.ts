import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ArgumentError, type Entry, type FTPOptions, FTPPool, isFTPError, PermanentError, RemovalError, type RetrStream, TimeoutError } from '../../lib';

/**
 * A page for a folder of an FTP server: browse, download, upload, make folders, rename, delete.
 *
 *     npx ts-node examples/gateway/server.ts ftp://user:password@host /pub 8080
 *
 * Who reaches the page can do what the FTP user can. It listens on loopback, and nothing asks for a password: put it after something that does.
 *
 * The page's requests are those of WebDAV, with the path of a file, or of a folder with a slash at its end, after `/files`:
 *
 *     GET /files/pub/          lines of JSON: an entry each, then `{"complete":true}` or `{"error":"…"}`
 *     GET /files/pub/a         the file, or a range of it
 *     PUT /files/pub/a         an upload
 *     MKCOL /files/pub/new/    a new folder
 *     MOVE /files/pub/a        a rename, to the path in the header `Destination`
 *     DELETE /files/pub/a      and with a slash at the end of a folder and all that is in it
 */
export function gateway(ftp: FTPOptions | string, { root = '/', hosts = ['localhost', '127.0.0.1', '[::1]'] }: GatewayOptions = {}): Server {
  // Transfers have connections of their own: however many there are, and however slow, a listing need not wait for them.
  const place = { root: root.replace(/\/*$/, ''), transfers: new FTPPool(ftp), folders: new FTPPool(ftp) };
  const page = pageWithPolicy();
  // An upload may take hours: there is no limit for a request. A browser whose machine is gone is found out by TCP.
  const server = createServer({ requestTimeout: 0, keepAlive: true, keepAliveInitialDelay: 60_000 }, (request, response) => {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const path = (request.url ?? '').split('?', 1)[0] as string;
    const answered = !isNamed(request.headers, hosts)
      ? Promise.reject(new Refusal(421, 'This is not the host that the request names.'))
      : path === '/' ? show(page, response) : answer(place, path, request, response);
    answered.catch((error: unknown) => fail(error, request, response));
  });
  return server.on('close', () => {
    place.transfers.close();
    place.folders.close();
  });
}

export interface GatewayOptions {
  /** The folder of the FTP server that is shown, from the server's root on; nothing above it is. Default `/`. */
  readonly root?: string;
  /** The names that the page is reached by, without a port: a page of another name that leads here (DNS rebinding) is refused. Default: those of loopback. */
  readonly hosts?: readonly string[];
}

interface Place {
  readonly root: string;
  readonly transfers: FTPPool;
  readonly folders: FTPPool;
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

async function answer(place: Place, url: string, request: IncomingMessage, response: ServerResponse): Promise<unknown> {
  if (!isOfThisPage(request.headers)) throw new Refusal(403, 'Only the page itself may ask for that.');
  if (!url.startsWith('/files/')) throw new Refusal(404, 'There is nothing here.');
  const { root, folders, transfers } = place;
  const path = pathOf(root, url);
  const left = new AbortController(); // a browser that leaves costs what it asked for, and no connection
  const { signal } = left;
  response.once('close', () => left.abort());
  switch (`${request.method} ${url.endsWith('/') ? 'folder' : 'file'}`) {
    case 'GET folder':
      response.setHeader('Content-Type', 'application/x-ndjson; charset=utf-8');
      return pipeline(lines(folders.list(path, { signal }), response), response);
    case 'HEAD file':
    case 'GET file':
      return download(place, path, url, request, response, signal);
    case 'PUT file':
      await pipeline(request, transfers.stor(path, { temporaryName: true })); // the name is there when all of it is
      return response.writeHead(201).end();
    case 'MKCOL folder':
      await folders.mkd(path, { signal });
      return response.writeHead(201).end();
    case 'DELETE file':
      await folders.delete(path, { signal });
      return response.writeHead(204).end();
    case 'DELETE folder':
      if (path === `${root}/`) throw new Refusal(400, 'The first folder stays.');
      await folders.rmd(path, { recursive: true, signal });
      return response.writeHead(204).end();
    case 'MOVE file':
    case 'MOVE folder': {
      const to = pathOf(root, String(request.headers['destination']));
      if (await folders.exists(to, { signal })) throw new Refusal(409, 'There is something of this name already.'); // many servers replace it
      await folders.rename(path, to, { signal });
      return response.writeHead(204).end();
    }
    default:
      throw new Refusal(405, 'This cannot be done here.');
  }
}

/** A listing as it comes. The status says why it fails, or, when that is sent, the last line. */
async function* lines(entries: RetrStream<Entry>, response: ServerResponse): AsyncGenerator<string> {
  let text = '';
  try {
    for await (const { name, type, size, modified } of entries) {
      if (TEMPORARY.test(name)) continue;
      text += `${JSON.stringify({ name, type, size, modified })}\n`;
      if (entries.readableLength > 0 && text.length < 16_384) continue; // more is here already
      yield text;
      text = '';
    }
    yield `${text}{"complete":true}\n`;
  } catch (error) {
    if (!response.headersSent) response.statusCode = statusOf(error, 'GET');
    yield `${text}${JSON.stringify({ error: reasonOf(error) })}\n`;
  }
}

async function download(place: Place, path: string, url: string, request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<unknown> {
  const { type, size, modified } = await place.folders.mlst(path, { signal });
  if (type === 'directory') return response.writeHead(303, { Location: `/#${url.slice('/files'.length)}/` }).end(); // a symlink that leads to one
  const headers: Record<string, string | number> = {
    'Content-Type': 'application/octet-stream',
    'Content-Disposition': disposition(path.slice(path.lastIndexOf('/') + 1)),
  };
  let range: Range | undefined;
  if (size !== undefined) {
    const etag = `"${size}-${Number(modified)}"`;
    range = rangeOf(request.headers, size, etag);
    if (range && range.start > range.end) return response.writeHead(416, { 'Content-Range': `bytes */${size}` }).end();
    Object.assign(headers, { 'Accept-Ranges': 'bytes', 'ETag': etag, 'Content-Length': range ? range.end - range.start + 1 : size });
    if (range) headers['Content-Range'] = `bytes ${range.start}-${range.end}/${size}`;
  }
  const status = range ? 206 : 200;
  if (request.method === 'HEAD') return response.writeHead(status, headers).end();
  const file = place.transfers.retr(path, { ...range, retry: true, signal });
  await once(file, 'readable'); // a refusal of the server fails here, while a status can say so
  return pipeline(file, response.writeHead(status, headers));
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** The range that is asked for; undefined for the whole file, also where it has changed since the browser had a part of it (RFC 9110, 13.1.5 and 14.2). */
function rangeOf({ range = '', 'if-range': known }: IncomingHttpHeaders, size: number, etag: string): Range | undefined {
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? [];
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
  if (!url.startsWith('/files/') || names.some((name) => name === undefined || /[/\\\0\r\n]|^ *\.[. ]*$/.test(name))) throw new Refusal(400, 'This is no path.');
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
  return hosts.includes(host.replace(/:\d+$/, '').toLowerCase());
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
  const rest = request.complete ? {} : { Connection: 'close' }; // the rest of an upload is not read
  response.writeHead(statusOf(error, request.method), { 'Content-Type': 'text/plain; charset=utf-8', ...rest }).end(reasonOf(error));
}

function statusOf(error: unknown, method = ''): number {
  if (error instanceof Refusal) return error.status;
  if (error instanceof ArgumentError) return 400;
  if (error instanceof PermanentError || error instanceof RemovalError) return method === 'GET' || method === 'HEAD' ? 404 : 409;
  if (error instanceof TimeoutError) return 504;
  return isFTPError(error) ? 502 : 500;
}

/** In the server's own words where it has some. */
function reasonOf(error: unknown): string {
  if (error instanceof RemovalError) return `${error.failures.length} could not be deleted, such as ${error.failures[0]?.path}: ${reasonOf(error.failures[0]?.error)}`;
  if (error instanceof Refusal) return error.message;
  if (!isFTPError(error)) return 'Something is wrong with this program.';
  const { reply } = error as { reply?: { text: string } };
  return reply ? `The FTP server says: ${reply.text}` : `The FTP server cannot be reached: ${error.message}`;
}

if (require.main === module) {
  const [url = '', root = '/', port = '8080'] = process.argv.slice(2);
  const server = gateway(url, { root }).listen(Number(port), '127.0.0.1', () => {
    console.log(`http://localhost:${(server.address() as AddressInfo).port}/`);
  });
}
