import { itRefusesWrongPassword } from '../contract/login';
import { targetOf } from '../contract/server-target';
import { realServers } from './servers';

describe('a wrong password on real servers', function () {
  // Pure-FTPd takes up to 9 seconds to refuse one; once for each software is enough.
  const families = new Set<string>();
  for (const server of realServers()) {
    if (families.has(server.family)) continue;
    families.add(server.family);
    itRefusesWrongPassword(targetOf(server));
  }
});
