import type { Readable } from 'node:stream';
import type { Remote } from '../../lib/bulk/remote';
import type { FTP } from '../../lib/index';

/** What trees take for a pool: each stream has a client of its own while there is one. */
export function lanes(clients: readonly FTP[]): Remote & { readonly maxConnections: number } {
  const busy = new Set<FTP>();
  let turn = 0;
  return new Proxy({} as Remote & { maxConnections: number }, {
    get(_target, verb) {
      if (verb === 'maxConnections') return clients.length;
      return (...args: unknown[]): unknown => {
        const client = clients.find((each) => !busy.has(each)) ?? (clients[turn++ % clients.length] as FTP);
        const outcome = (client[verb as keyof FTP] as (...args: unknown[]) => unknown).apply(client, args);
        if (!(outcome instanceof Promise)) {
          busy.add(client);
          (outcome as Readable).on('close', () => busy.delete(client));
        }
        return outcome;
      };
    },
  });
}
