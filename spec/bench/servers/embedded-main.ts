import { text } from 'node:stream/consumers';
import { listingOf } from '../listings';
import { smallFiles, type Scale } from '../files';
import { content } from '../../support/server/content';
import { FtpServer } from '../../support/server/ftp-server';
import type { NodeInit } from '../../support/server/nodes';
import type { Sequence } from '../../support/server/script';
import { data, dataEnd, openData } from '../../support/server/steps';
import { listName, treeName } from './content';

/** What this process is told, as JSON in its first argument. */
export interface EmbeddedOrder {
  readonly scale: Scale;
  /** For explicit TLS, in PEM. */
  readonly tls: { readonly key: string; readonly cert: string } | undefined;
  /** Answers LIST with a listing that is ready in memory, and has no MLSD: all clients read the same. */
  readonly fromMemory: boolean;
}

void main(JSON.parse(process.argv[2] ?? '') as EmbeddedOrder);

/** The specs' own server in a process of its own: prints its port, and ends with its standard input. */
async function main({ scale, tls, fromMemory }: EmbeddedOrder): Promise<void> {
  const server = await FtpServer.start({
    files: filesOf(scale),
    ...(tls ? { tls: { mode: 'explicit', ...tls } } : {}),
    ...(fromMemory ? { features: ['EPSV', 'SIZE', 'UTF8'], script: { LIST: lister(scale) } } : {}),
  });
  console.log(server.port);
  await text(process.stdin);
  await server.close();
}

function lister({ entries }: Scale): Sequence {
  const listing = Buffer.from(listingOf('unix', entries));
  return [openData(), '150 Here comes the directory listing.', data(listing), dataEnd(), '226 Directory send OK.'];
}

function filesOf({ bigBytes, smallFiles: count, entries }: Scale): Record<string, NodeInit> {
  const { names, sizes } = smallFiles('small', count);
  return {
    '/incoming/': { discard: true },
    '/big.bin': content(bigBytes),
    ...Object.fromEntries(names.map((name, n) => [`/${name}`, content(sizes[n] ?? 0)])),
    ...Object.fromEntries(names.map((name, n) => [`/${treeName(name.slice('small/'.length), n)}`, content(sizes[n] ?? 0)])),
    '/list': { entries: Array.from({ length: entries }, (_, n) => ({ name: listName(n) })) },
  };
}
