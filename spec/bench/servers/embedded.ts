import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { certificate } from '../../support/server/certificates';
import type { Scale } from '../files';
import type { EmbeddedOrder } from './embedded-main';
import type { Running } from './running';

/** Starts the specs' own server, in a process of its own. `folder` takes its certificate. */
export async function startEmbedded(folder: string, scale: Scale, { secure = false, fromMemory = false }): Promise<Running> {
  const tls = secure ? certificate() : undefined;
  const ca = tls && join(folder, 'embedded.pem');
  if (ca !== undefined) writeFileSync(ca, tls?.cert ?? '');
  const order: EmbeddedOrder = { scale, tls, fromMemory };
  const child = spawn(process.execPath, [join(__dirname, 'embedded-main.js'), JSON.stringify(order)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    place: { host: '127.0.0.1', port: Number(line.toString()), user: 'user', password: 'secret', ca },
    stop: () => void child.stdin.end(),
  };
}
