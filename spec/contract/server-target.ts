import { optionsOf, type RealServer } from '../servers/servers';
import { FACTS, FACTS_IN_TLS } from './facts';
import type { Target } from './target';

/** The contract's view of a real server, over the first of its addresses or another. */
export function targetOf(server: RealServer, host: string = server.host): Target {
  const { name, family, secure, home, login } = server;
  return {
    name,
    facts: secure ? FACTS_IN_TLS[family] : FACTS[family],
    options: { ...optionsOf(server), host, stallTimeout: 10_000 },
    home,
    root: login === '/' ? '' : login,
  };
}
