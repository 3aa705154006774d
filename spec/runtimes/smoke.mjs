// A plain program with the installed package, for every runtime: prints `ok name` or `failed name: why` for each step, and then has to end by itself.
//
// SMOKE is JSON: the URLs of the embedded servers, which run in another process, and the certificate of those with TLS.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex, Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import * as imported from 'ftplib';
import { allErrors, FTP, FTPError, FTPPool, isFTPError, mirror, open, parseList, PermanentError, progress, SecurityError, throttle, TimeoutError } from 'ftplib';

const { plain, explicit, implicit, reuse, another, cut, lossy, silent, stuck, big, ca } = JSON.parse(process.env.SMOKE);
const required = createRequire(import.meta.url)('ftplib');
const folder = mkdtempSync(join(tmpdir(), 'ftplib-smoke-'));
const bytes = randomBytes(1_500_000);
const tls = { ca: ca.local };

const STEPS = {
  'import and require give the same': async () => {
    const other = Object.keys(required).filter((name) => required[name] !== imported[name]);
    equal(other.join(), '');
    equal(Object.keys(required).length > 40, true);
  },
  'instanceof holds across both': async () => {
    const error = await rejected(new required.FTP(plain).size('/missing'));
    equal([error instanceof PermanentError, error instanceof required.PermanentError, error instanceof FTPError, isFTPError(error)].join(), 'true,true,true,true');
    equal(`${error.code} ${error.reply.code}`, 'ERR_FTP_PERMANENT 550');
    const refused = await rejected(new FTP({ host: '127.0.0.1', port: 1 }).size('/a'));
    equal(allErrors.some((kind) => refused instanceof kind), true);
  },
  'reads a listing': async () => equal(parseList('-rw-r--r-- 1 u g 5 Jan  1 2020 a b\r\n')[0].name, 'a b'),

  'uploads and downloads': async () => {
    const ftp = new FTP(plain);
    await pipeline(Readable.from([bytes]), ftp.stor('/up/a'));
    equal(await ftp.size('/up/a'), bytes.length);
    const local = join(folder, 'a');
    await pipeline(ftp.retr('/up/a'), createWriteStream(local));
    same(readFileSync(local), bytes);
    await pipeline(createReadStream(local), ftp.appe('/up/a'));
    same(await buffer(ftp.retr('/up/a')), Buffer.concat([bytes, bytes]));
    same(await buffer(ftp.retr('/up/a', { start: 10, end: 19 })), bytes.subarray(10, 20));
    await ftp.quit();
  },
  'downloads 20 MB to a slow reader': async () => {
    const ftp = new FTP(plain);
    const hash = createHash('sha256');
    let chunks = 0;
    for await (const chunk of ftp.retr('/big')) {
      hash.update(chunk);
      if ((chunks += 1) % 50 === 0) await new Promise((later) => setTimeout(later, 5));
    }
    equal(hash.digest('hex'), big);
    await ftp.quit();
  },
  'lists': async () => {
    const ftp = new FTP(plain);
    const entries = await ftp.list('/pub').toArray();
    equal(entries.map(({ name, type, size }) => `${name} ${type} ${size ?? ''}`.trim()).sort().join(), 'a file 3,b file 4,deep directory');
    equal((await new FTP({ ...at(plain), mlsd: false }).list('/pub').toArray()).length, 3);
    equal((await ftp.nlst('/pub').toArray()).length, 3);
    equal((await ftp.mlst('/pub/a')).size, 3);
    const paths = [];
    for await (const { path } of ftp.walk('/pub')) paths.push(path);
    equal(paths.sort().join(), 'a,b,deep,deep/c');
    await ftp.quit();
  },
  'transfers text': async () => {
    const ftp = new FTP(plain);
    await pipeline(Readable.from(['one\ntwo\n']), ftp.storlines('STOR /up/text'));
    equal((await ftp.retrlines('RETR /up/text').toArray()).join(), 'one,two');
    await ftp.quit();
  },
  'changes folders and files': async () => {
    const ftp = new FTP(plain);
    await ftp.mkd('/up/dir');
    await ftp.cwd('/up/dir');
    equal(await ftp.pwd(), '/up/dir');
    await pipeline(Readable.from(['x']), ftp.stor('x'));
    await ftp.rename('x', 'y');
    const time = new Date('2020-02-03T04:05:06Z');
    await ftp.mfmt('y', time);
    equal((await ftp.mdtm('y')).getTime(), time.getTime());
    await ftp.delete('y');
    await ftp.rmd('/up/dir');
    await ftp.quit();
  },
  'gets and puts files': async () => {
    const ftp = new FTP(plain);
    const reports = [];
    writeFileSync(join(folder, 'put'), bytes);
    await ftp.put(join(folder, 'put'), '/up/put', { verify: 'size', progress: (report) => reports.push(report) });
    const { bytes: count } = await ftp.get('/up/put', join(folder, 'got'), { preserveTimes: true, throttle: throttle(1e9) });
    equal(count, bytes.length);
    same(readFileSync(join(folder, 'got')), bytes);
    equal(reports.at(-1).percent, 100);
    const half = join(folder, 'half');
    writeFileSync(half, bytes.subarray(0, 700_000));
    await ftp.get('/up/put', half, { resume: true });
    same(readFileSync(half), bytes);
    await pipeline(ftp.retr('/up/put', { verify: 'size' }), progress(), createWriteStream(half));
    await ftp.quit();
  },
  'transfers trees': async () => {
    const ftp = new FTP(plain);
    const down = join(folder, 'tree');
    const actions = async (stream) => (await stream.toArray()).map(({ action }) => action).sort().join();
    equal(await actions(ftp.downloadTree('/pub', down)), 'created,created,downloaded,downloaded,downloaded');
    equal(readFileSync(join(down, 'deep/c'), 'utf8'), 'ccccc');
    writeFileSync(join(down, 'new'), 'new');
    mkdirSync(join(down, 'folder'));
    await actions(ftp.uploadTree(down, '/up/tree'));
    equal(await text(ftp.retr('/up/tree/new')), 'new');
    await actions(mirror({ from: down, to: { client: ftp, path: '/up/tree' } }));
    const again = await actions(mirror({ from: down, to: { client: ftp, path: '/up/tree' }, delete: true }));
    equal(again.replaceAll('skipped', '').replaceAll(',', ''), '');
    await ftp.quit();
  },

  'TLS, explicit': async () => secured(explicit),
  'TLS, implicit': async () => secured(implicit),
  'TLS sessions are resumed on data connections': async () => {
    const ftp = new FTP({ ...at(reuse), tls });
    for (let i = 0; i < 3; i += 1) {
      const download = ftp.retr('/pub/a');
      equal(await text(download), 'aaa');
      equal(download.tlsResumed, true);
    }
    await pipeline(Readable.from([bytes]), ftp.stor('/up/reused'));
    same(await buffer(ftp.retr('/up/reused')), bytes);
    await ftp.quit();
  },
  'TLS with a wrong certificate': async () => {
    const error = await rejected(new FTP(explicit).size('/pub/a'));
    equal(error instanceof SecurityError, true);
    equal((await rejected(new FTP({ ...at(implicit), tls, host: '127.0.0.1', secure: 'implicit' }).size('/missing'))) instanceof PermanentError, true);
    equal((await rejected(new FTP({ ...at(plain), secure: 'explicit', timeout: 3000 }).size('/pub/a'))) instanceof SecurityError, true);
  },
  'TLS, another certificate on the data connection': async () => {
    const ftp = new FTP({ ...at(another), tls: { ca: [ca.local, ca.local2] } });
    for (const use of [() => text(ftp.retr('/pub/a')), () => ftp.list('/pub').toArray(), () => pipeline(Readable.from([bytes]), ftp.stor('/up/another'))]) {
      equal((await rejected(use())).name, 'SecurityError');
    }
    equal((await ftp.noop()).code, 200);
    equal((await ftp.put(bytes, '/up/another', { retry: false }).catch(({ name }) => name)), 'SecurityError');
    await ftp.quit();
  },
  'TLS without close_notify, strictly': async () => {
    const ftp = new FTP({ ...at(cut), tls, strictTlsClose: true });
    equal((await rejected(text(ftp.retr('/pub/a')))).name, 'TransferError');
    equal(await text(ftp.retr('/pub/a')), 'aaa');
    await ftp.quit();
  },
  'TLS, left in the middle': async () => {
    const ftp = new FTP({ ...at(explicit), tls });
    for await (const chunk of ftp.retr('/big')) if (chunk.length > 0) break;
    await rejected(pipeline(failing(), ftp.stor('/up/tls-cut')));
    equal(await text(ftp.retr('/pub/a')), 'aaa');
    await ftp.quit();
  },

  'active mode': async () => {
    const ftp = new FTP({ ...at(plain), passive: false });
    await pipeline(Readable.from([bytes]), ftp.stor('/up/active'));
    same(await buffer(ftp.retr('/up/active')), bytes);
    equal((await ftp.list('/pub').toArray()).length, 3);
    await ftp.quit();
  },
  'a Duplex of the caller': async () => {
    for (const url of [plain, explicit]) {
      const ftp = new FTP({ ...at(url), tls, createConnection: async ({ host, port }) => {
        const socket = connect(port, host);
        await once(socket, 'connect');
        return duplexOver(socket);
      } });
      await pipeline(Readable.from([bytes]), ftp.stor('/up/duplex'));
      same(await buffer(ftp.retr('/up/duplex')), bytes);
      await ftp.quit();
    }
  },
  'a pool': async () => {
    const pool = new FTPPool({ ...at(plain), connections: 3 });
    await pipeline(Readable.from([bytes]), pool.stor('/up/pool'));
    await pipeline(pool.retr('/up/pool'), pool.stor('/up/copy'));
    const all = await Promise.all(Array.from({ length: 6 }, () => buffer(pool.retr('/up/copy'))));
    for (const each of all) same(each, bytes);
    same(await buffer(pool.retr('/up/copy', { segments: 3 })), bytes);
    await pool.quit();
    const secure = new FTPPool({ ...at(explicit), tls, connections: 3 });
    await Promise.all(['/pub/a', '/pub/b', '/pub/deep/c'].map(async (path) => equal((await text(secure.retr(path))).length > 0, true)));
    await secure.quit();
  },

  'leaves a download': async () => {
    const ftp = new FTP(plain);
    for await (const chunk of ftp.retr('/big')) if (chunk.length > 0) break;
    equal(await text(ftp.retr('/pub/a')), 'aaa');
    equal(ftp.welcome.code, 220);
    await ftp.quit();
  },
  'ends by an AbortSignal': async () => {
    const ftp = new FTP(plain);
    const controller = new AbortController();
    const download = ftp.retr('/big', { signal: controller.signal });
    download.once('data', () => controller.abort());
    equal((await rejected(pipeline(download, createWriteStream(join(folder, 'left'))))).name, 'AbortError');
    equal((await rejected(ftp.get('/big', join(folder, 'left'), { signal: AbortSignal.timeout(1) }))).name.replace('Timeout', 'Abort'), 'AbortError');
    equal(await text(ftp.retr('/pub/a')), 'aaa');
    await ftp.quit();
  },
  'an upload that fails is not stored as a whole file': async () => {
    const ftp = new FTP(plain);
    const codes = [];
    ftp.on('reply', ({ code }) => codes.push(code));
    equal((await rejected(pipeline(failing(), ftp.stor('/up/cut')))).message, 'the source fails');
    equal(await text(ftp.retr('/pub/a')), 'aaa');
    equal(codes.filter((code) => code === 226).length, 1); // of the download
    await rejected(pipeline(failing(), ftp.stor('/up/temporary', { temporaryName: true })));
    equal((await rejected(ftp.size('/up/temporary'))) instanceof PermanentError, true);
    await ftp.quit();
  },
  'goes on after a lost connection': async () => {
    const ftp = new FTP(lossy);
    let retries = 0;
    const download = ftp.retr('/file', { retry: { attempts: 5, backoff: 10 } });
    download.on('retry', () => (retries += 1));
    equal(createHash('sha256').update(await buffer(download)).digest('hex'), createHash('sha256').update(Buffer.alloc(500_000, 'file')).digest('hex'));
    equal(retries, 1);
    await ftp.quit();
  },
  'a server that is silent': async () => {
    const ftp = new FTP({ ...at(silent), replyTimeout: 200, stallTimeout: 200 });
    equal((await rejected(ftp.size('/a'))) instanceof TimeoutError, true);
    equal((await rejected(buffer(ftp.retr('/a')))) instanceof TimeoutError, true);
    ftp.close();
  },
  'a server that stops reading': async () => {
    const ftp = new FTP({ ...at(stuck), stallTimeout: 300, replyTimeout: 1000 });
    equal((await rejected(pipeline(endless(), ftp.stor('/up/stuck')))).name, 'TimeoutError');
    equal(await text(ftp.retr('/pub/a')), 'aaa');
    await ftp.quit();
  },
  'one URL': async () => equal(await text(open(`${plain}%2Fpub/a`)), 'aaa'),
  'many commands at once': async () => {
    const ftp = new FTP(plain);
    const sizes = await Promise.all(Array.from({ length: 200 }, (_, i) => ftp.size(i % 2 ? '/pub/a' : '/pub/b')));
    equal(sizes.reduce((sum, size) => sum + size), 700);
    await ftp[Symbol.asyncDispose]();
  },
};

async function secured(url) {
  const ftp = new FTP({ ...at(url), tls });
  await pipeline(Readable.from([bytes]), ftp.stor('/up/tls'));
  same(await buffer(ftp.retr('/up/tls')), bytes);
  equal(createHash('sha256').update(await buffer(ftp.retr('/big'))).digest('hex'), big);
  equal((await ftp.list('/pub').toArray()).length, 3);
  await ftp.quit();
}

/** The options that a URL stands for. */
function at(url) {
  const { protocol, hostname, port, username, password } = new URL(url);
  return { host: hostname, port: Number(port), user: username, password, secure: { 'ftp:': false, 'ftps:': 'implicit', 'ftpes:': 'explicit' }[protocol] };
}

/** A stream that is no socket, as that of a tunnel. */
function duplexOver(socket) {
  const duplex = new Duplex({
    read: () => socket.resume(),
    write: (chunk, encoding, done) => void socket.write(chunk, encoding, done),
    final: (done) => void socket.end(done),
    destroy: (error, done) => done(error, socket.destroy()),
  });
  socket.on('data', (chunk) => duplex.push(chunk) || socket.pause());
  socket.on('end', () => duplex.push(null));
  socket.on('error', (error) => duplex.destroy(error));
  return duplex;
}

function failing() {
  return Readable.from((function* () {
    yield bytes;
    throw new Error('the source fails');
  })());
}

function endless() {
  return new Readable({
    read() {
      this.push(bytes);
    },
  });
}

async function rejected(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

function equal(actual, expected) {
  if (actual !== expected) throw new Error(`${String(actual)}, not ${String(expected)}`);
}

function same(actual, expected) {
  if (!actual.equals(expected)) throw new Error(`other bytes: ${actual.length}, not ${expected.length}`);
}

const only = process.argv[2];
for (const [name, step] of Object.entries(STEPS)) {
  if (only && !name.includes(only)) continue;
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error('it takes more than 20 s')), 20_000)));
  try {
    await Promise.race([step(), late]);
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(`failed ${name}: ${error.stack}`.replaceAll('\n', ' | ').slice(0, 600));
  } finally {
    clearTimeout(timer);
  }
}
console.log('that was the last step');
