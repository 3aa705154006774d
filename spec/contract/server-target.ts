import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { optionsOf, type RealServer } from '../servers/servers';
import { FACTS, FACTS_IN_TLS } from './facts';
import type { Disk, Target } from './target';

/** The contract's view of a real server, over the first of its addresses or another. */
export function targetOf(server: RealServer, host: string = server.host): Target {
  const { name, family, secure, home, login } = server;
  return {
    name,
    facts: secure ? FACTS_IN_TLS[family] : FACTS[family],
    options: { ...optionsOf(server), host, stallTimeout: 10_000 },
    disk: diskAt(home),
    root: login === '/' ? '' : login,
  };
}

function diskAt(home: string): Disk {
  return {
    read: (path) => readFileSync(join(home, path)),
    write: (path, content) => writeFileSync(join(home, path), content),
    mkdir: (path) => void mkdirSync(join(home, path)),
    names: (path) => readdirSync(join(home, path)),
    stat: (path) => statSync(join(home, path)),
    remove: (path) => rmSync(join(home, path), { recursive: true, force: true }),
    path: (path) => join(home, path),
  };
}
