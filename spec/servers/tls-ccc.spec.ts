import { expect } from 'chai';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { send } from '../contract/scene';
import { targetOf } from '../contract/server-target';
import { FTP } from '../../lib/index';
import { failure, tapped } from '../support/client';
import { dissect } from '../support/wire';
import { realServers, type Family, type RealServer } from './servers';

/** 500 Unknown command.; 534 Unwilling to accept security parameters, because of TLSRequired; 500 Command "CCC" not understood.; 502 'ccc' not implemented */
const REFUSALS: Readonly<Partial<Record<Family, number>>> = { vsftpd: 500, proftpd: 534, pyftpdlib: 500, aioftp: 502 };

describe('CCC on real servers', () => {
  for (const server of realServers().filter(({ secure }) => secure)) {
    const refusal = REFUSALS[server.family];
    const versions = server.tlsMax === 'TLSv1.3' ? (['TLSv1.2', 'TLSv1.3'] as const) : (['TLSv1.2'] as const);
    for (const version of versions) {
      it(`${server.name} ${refusal === undefined ? 'goes on in the clear' : `refuses it with ${refusal}, and all stays in TLS`} (${version})`, async () => {
        const { ftp, sent } = clientOf(server, version);
        try {
          await ftp.login();
          if (refusal === undefined) expect((await ftp.ccc()).code).to.equal(200);
          else expect((await failure(ftp.ccc())).reply?.code).to.equal(refusal);
          expect(await Promise.all([ftp.pwd(), ftp.pwd()])).to.deep.equal(['/', '/']);
          const name = `ccc-${process.pid}-${server.name}`;
          await send(ftp.stor(name), 'still protected');
          const down = ftp.retr(name);
          expect((await buffer(down)).toString()).to.equal('still protected');
          expect(down.tlsResumed).to.be.a('boolean');
          await ftp.delete(name);
          await ftp.quit();
          const clear = dissect(Buffer.concat(sent)).behind.toString();
          if (refusal === undefined) expect(clear).to.match(/^(?:FEAT\r\n)?PWD\r\nPWD\r\n[^]*QUIT\r\n$/);
          else expect(clear).to.equal('');
        } finally {
          ftp.close();
        }
      });
    }
  }
});

function clientOf(server: RealServer, version: 'TLSv1.2' | 'TLSv1.3'): { readonly ftp: FTP; readonly sent: Buffer[] } {
  const sent: Buffer[] = [];
  const { options } = targetOf(server);
  const ftp = new FTP({
    ...options,
    tls: { ...options.tls, maxVersion: version },
    createConnection: ({ host, port, purpose }) => {
      const socket = connect({ host, port, allowHalfOpen: purpose === 'data', noDelay: true });
      return purpose === 'control' ? tapped(socket, sent) : socket;
    },
  });
  return { ftp, sent };
}
