import { existsSync, readFileSync } from 'node:fs';
import type { RealServer } from '../servers/servers';
import { FACTS, FACTS_IN_TLS } from './facts';
import type { Target } from './target';

/** The contract's view of a real server, over the first of its addresses or another. */
export function targetOf(server: RealServer, host: string = server.host): Target {
  const { name, family, secure, port, user, password, home, login, certificate } = server;
  const tls = secure && existsSync(certificate) ? { tls: { ca: readFileSync(certificate) } } : {};
  return {
    name,
    facts: secure ? FACTS_IN_TLS[family] : FACTS[family],
    options: { host, port, user, password, secure, stallTimeout: 10_000, ...tls },
    home,
    root: login === '/' ? '' : login,
  };
}
