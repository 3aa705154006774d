import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished, pipeline } from 'node:stream/promises';
import { FTP } from '../lib';
import { content } from '../spec/support/server/content';
import { FtpServer } from '../spec/support/server/ftp-server';
import { receive } from './receive';

const MIB = 1024 * 1024;
const BIG = content(64 * MIB);
const README = 'Hello from an FTP server.\r\nEverything below is a stream.\r\n';

/** Does the main jobs on a server that lives only as long as this. */
export async function demoLocal(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'ftplib-'));
  const server = await FtpServer.start({ users: { user: 'secret' }, files: { '/README': README, '/incoming/': '', '/big.bin': BIG } });
  const ftp = new FTP({ host: '127.0.0.1', port: server.port, user: 'user', password: 'secret' });
  try {
    await logIn(ftp);
    await list(ftp);
    await downloadReadme(ftp, join(folder, 'README'));
    await uploadFromHttp(ftp, join(folder, 'body'));
    await downloadBig(ftp);
    console.log(`quit: ${await ftp.quit()}`);
  } finally {
    ftp.close();
    await server.close();
    await rm(folder, { recursive: true });
  }
}

async function logIn(ftp: FTP): Promise<void> {
  console.log(`connect: ${await ftp.connect()}`);
  console.log(`login: ${await ftp.login()}`);
}

async function list(ftp: FTP): Promise<void> {
  console.log('list:');
  for await (const line of ftp.dir()) console.log(`  ${line}`);
}

async function downloadReadme(ftp: FTP, file: string): Promise<void> {
  const download = ftp.retr('README');
  await Promise.all([finished(download), finished(download.pipe(createWriteStream(file)))]);
  const text = await readFile(file, 'utf8');
  if (text !== README) throw new Error('README arrived changed');
  console.log(`download: README, ${text.length} bytes, piped into a file`);
}

/** The body of an HTTP request goes up while it comes in: no part of it is held but what is on its way. */
async function uploadFromHttp(ftp: FTP, file: string): Promise<void> {
  await writeFile(file, 'a line of the body\n'.repeat(50_000));
  const http = createServer((incoming, response) => {
    pipeline(incoming, ftp.stor('incoming/body')).then(
      () => response.writeHead(201).end(),
      () => response.writeHead(502).end(),
    );
  });
  await once(http.listen(0, '127.0.0.1'), 'listening');
  try {
    const { port } = http.address() as AddressInfo;
    const post = request({ host: '127.0.0.1', port, method: 'POST', agent: false });
    const [[response]] = await Promise.all([once(post, 'response'), pipeline(createReadStream(file), post)]);
    response.resume();
    if (response.statusCode !== 201) throw new Error(`the upload failed: HTTP ${response.statusCode}`);
  } finally {
    http.close();
  }
  console.log(`upload: an HTTP request body, ${await ftp.size('incoming/body')} bytes on the server`);
}

async function downloadBig(ftp: FTP): Promise<void> {
  const { bytes, checksum, seconds } = await receive(ftp.retr('big.bin'));
  if (checksum !== BIG.sha256) throw new Error('big.bin arrived changed: its checksum differs');
  console.log(`download: big.bin, ${bytes / MIB} MiB in ${seconds.toFixed(2)} s, SHA-256 as expected`);
}
