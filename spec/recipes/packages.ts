import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SERVERS_REQUIRED } from '../servers/servers';

/** Whether the packages of package.json are here; `npm run servers -- install` brings them. */
const INSTALLED = existsSync(join(__dirname, 'node_modules/basic-ftp'));

/** A spec that needs them: pending without them, and a failure where servers are required, as in CI. */
export function itWithPackages(title: string, act: (this: Mocha.Context) => Promise<void>): void {
  it(title, async function () {
    if (!INSTALLED && !SERVERS_REQUIRED) this.skip();
    await act.call(this);
  });
}
