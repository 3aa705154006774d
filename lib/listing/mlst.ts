import type { Reply } from '../control/reply';
import type { Entry } from './entry';
import { parseFacts } from './mlsx';

/** The entry in the reply to MLST, by its own name, whatever path the server puts before it (RFC 3659, 7.2). */
export function mlstEntry(reply: Reply): Entry | undefined {
  for (const line of reply.lines.slice(1, -1)) {
    const entry = parseFacts(line);
    if (entry) return { ...entry, name: lastName(entry.name) };
  }
  return undefined;
}

/** ProFTPD prints the whole path, pyftpdlib the absolute one. */
function lastName(path: string): string {
  return /[^/]+(?=\/*$)/.exec(path)?.[0] ?? path;
}
