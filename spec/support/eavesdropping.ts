import { expect } from 'chai';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { FTP } from '../../lib/index';
import type { Recording } from './recorder';
import { dissect, startsRecord } from './wire';

/** What nobody on the way may see. */
export interface Secrets {
  readonly user: string;
  readonly password: string;
  readonly folder: string;
  readonly file: string;
  readonly content: string;
}

/** Uses a client for everything that carries a name or a content: up, down, cut short, listed, renamed, refused. Quits. */
export async function useEverything(ftp: FTP, { folder, file, content }: Secrets): Promise<void> {
  const path = `${folder}/${file}`;
  const bytes = Buffer.from(content.repeat(4000));
  await ftp.mkd(folder);
  await pipeline(Readable.from([bytes]), ftp.stor(path));
  expect((await buffer(ftp.retr(path))).equals(bytes)).to.equal(true);
  expect((await buffer(ftp.retr(path, { start: content.length, end: 2 * content.length - 1 }))).toString()).to.equal(content);
  for await (const chunk of ftp.retr(path)) if (chunk.length > 0) break;
  expect((await ftp.list(folder).toArray()).map(({ name }) => name)).to.include(file);
  expect((await ftp.dir(folder).toArray()).join()).to.include(file);
  await ftp.retr(`${path}-missing`).toArray().catch(() => undefined);
  await ftp.rename(path, `${path}-moved`);
  await ftp.delete(`${path}-moved`);
  await ftp.rmd(folder);
  await ftp.quit();
}

/** Nothing of it in any connection, and nothing but TLS in any: before it, AUTH TLS and the greeting, and only where TLS is explicit. */
export function expectUnseen(recordings: readonly Recording[], mode: 'explicit' | 'implicit', secrets: Secrets): void {
  expect(recordings.filter(({ purpose }) => purpose === 'control')).to.have.lengthOf(1);
  expect(recordings.filter(({ purpose }) => purpose === 'data')).to.have.length.greaterThan(4);
  for (const { purpose, toServer, toClient } of recordings) {
    for (const [what, secret] of Object.entries(secrets)) {
      for (const bytes of [toServer, toClient]) expect(bytes.includes(secret), `${what} on the ${purpose} connection`).to.equal(false);
    }
    const [up, down] = [dissect(toServer), dissect(toClient)];
    // What is refused has a data connection on which nothing is said.
    if (toServer.length + toClient.length > 0) expect(up.records.length, `records on the ${purpose} connection`).to.be.greaterThan(0);
    if (purpose === 'data' || mode === 'implicit') expect([up.clear, down.clear]).to.deep.equal(['', '']);
    else {
      expect(up.clear).to.equal('AUTH TLS\r\n');
      expect(down.clear).to.match(/^(?:220[- ][^\r\n]*\r\n)+234[^\r\n]*\r\n$/);
    }
    for (const { behind } of [up, down]) expect(startsRecord(behind), `${behind.toString('latin1')} behind the last record`).to.equal(true);
  }
}
