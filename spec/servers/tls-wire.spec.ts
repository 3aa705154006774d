import { readFileSync } from 'node:fs';
import { FTP } from '../../lib/index';
import { expectUnseen, useEverything, type Secrets } from '../support/eavesdropping';
import { Recorder } from '../support/recorder';
import { realServers, type RealServer } from './servers';

describe('recorded sessions with real servers', function () {
  this.timeout(30_000);

  const servers = realServers().filter(({ secure }) => secure);

  for (const server of servers) {
    it(`${server.name} and we show no name, password, path or content`, async () => {
      const recorder = await Recorder.start();
      try {
        const secrets = secretsFor(server);
        const { host, port, user, password, secure, certificate } = server;
        const ftp = new FTP({ host, port, user, password, secure, tls: { ca: readFileSync(certificate) }, createConnection: recorder.dial });
        await useEverything(ftp, secrets);
        expectUnseen(recorder.recordings, secure || 'explicit', secrets);
      } finally {
        await recorder.close();
      }
    });
  }
});

function secretsFor({ name, user, password }: RealServer): Secrets {
  return { user, password, folder: `autopsies-${process.pid}-${name}`, file: 'budahas.report', content: 'The truth is out there. ' };
}
