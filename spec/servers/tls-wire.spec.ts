import { expect } from 'chai';
import { FTP } from '../../lib/index';
import { expectUnseen, useEverything, type Secrets } from '../support/eavesdropping';
import { Recorder, type Recording } from '../support/recorder';
import { retriesOf } from '../support/wire';
import { optionsOf, realServers, type RealServer } from './servers';

describe('recorded sessions with real servers', () => {
  const servers = realServers().filter(({ secure }) => secure);

  for (const server of servers) {
    it(`${server.name} and we show no name, password, path or content`, async () => {
      const secrets = secretsFor(server);
      expectUnseen(await record(server, (ftp) => useEverything(ftp, secrets)), server.secure || 'explicit', secrets);
    });

    it(`${server.name} misses no key on a data connection`, async () => {
      const [, ...data] = await record(server, async (ftp) => {
        await ftp.list().toArray();
        await ftp.dir().toArray();
        await ftp.quit();
      });
      expect(data.map(({ toClient }) => retriesOf(toClient))).to.deep.equal([0, 0]);
    });
  }
});

/** What passed between a client and the server. */
async function record(server: RealServer, use: (ftp: FTP) => Promise<void>): Promise<Recording[]> {
  const recorder = await Recorder.start();
  try {
    await use(new FTP({ ...optionsOf(server), createConnection: recorder.dial }));
    return recorder.recordings;
  } finally {
    await recorder.close();
  }
}

function secretsFor({ name, user, password }: RealServer): Secrets {
  return { user, password, folder: `autopsies-${process.pid}-${name}`, file: 'budahas.report', content: 'The truth is out there. ' };
}
