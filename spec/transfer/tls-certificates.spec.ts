import { expect } from 'chai';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { finished, pipeline } from 'node:stream/promises';
import { FTPError, SecurityError } from '../../lib/errors';
import type { FTP } from '../../lib/client/ftp';
import { failure } from '../support/client';
import { CA, CONTENT, SecuredStage, WAYS } from '../support/secured';
import { certificate } from '../support/server/certificates';
import { dataClosed, openData, send } from '../support/server/steps';

/** Who else could take the data connection; the client trusts all of them as authorities but the first. */
const IMPOSTORS = ['local2', 'otherHost', 'expired'] as const;

describe('another certificate on the data connection', () => {
  const stage = new SecuredStage();

  for (const way of WAYS) {
    for (const passive of [true, false]) {
      const title = `${way.title}, ${passive ? 'passive' : 'active'}`;

      for (const name of IMPOSTORS) {
        it(`${name} is refused: nothing is read or written (${title})`, async () => {
          const ca = name === 'local2' ? CA : [CA, certificate(name).cert];
          await refusesData(await stage.serveWay(way, { data: certificate(name) }), { tls: { ca }, passive });
        });
      }

      it(`is refused even where it is valid for the host (${title})`, async () => {
        const ca = [CA, certificate('local2').cert];
        const errors = await refusesData(await stage.serveWay(way, { data: certificate('local2') }), { tls: { ca }, passive });
        for (const { message } of errors) expect(message).to.match(/another certificate than the control connection$/);
      });

      it(`is refused also where close_notify is watched for (${title})`, async () => {
        await refusesData(await stage.serveWay(way, { data: certificate('local2') }), { passive, strictTlsClose: true });
      });

      it(`is none when only the session cannot be resumed (${title})`, async () => {
        const server = await stage.serveWay(way, { data: certificate() });
        const down = stage.client(server, { passive }).retr('file');
        expect(await text(down)).to.equal(CONTENT);
        expect(down.tlsResumed).to.equal(false);
      });
    }
  }

  it('is told with what the server said about it', async () => {
    const script = { RETR: [openData(), send('150 Here.'), dataClosed(), send('522 Refused.')] };
    const server = await stage.serve({ data: certificate('local2') }, { script });
    const error = await failure(finished(stage.client(server).retr('file').resume()));
    expect(error).to.be.instanceOf(SecurityError).and.include({ command: 'RETR file', phase: 'data' });
    expect(error.cause).to.include({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    expect(error.reply?.code).to.equal(522);
  });

  it('leaves the session usable', async () => {
    const server = await stage.serve({ data: certificate('local2') });
    const ftp = stage.client(server);
    await failure(finished(ftp.retr('file').resume()));
    expect((await ftp.noop()).code).to.equal(200);
    expect(server.commands.filter((line) => line.startsWith('USER'))).to.have.lengthOf(1);
  });

  async function refusesData(server: Awaited<ReturnType<SecuredStage['serve']>>, options: Parameters<SecuredStage['client']>[1]): Promise<FTPError[]> {
    const ftp = stage.client(server, options);
    server.write('/there', '');
    const errors = [];
    for (const use of [down, up, list]) {
      const error = await failure(use(ftp));
      expect(error).to.be.instanceOf(SecurityError).and.include({ bytesTransferred: 0 });
      errors.push(error);
    }
    ftp.close();
    await server.deserted();
    await server.idle();
    expect(server.read('/there').toString()).to.equal('');
    return errors;
  }
});

async function down(ftp: FTP): Promise<void> {
  for await (const chunk of ftp.retr('file')) throw new Error(`read: ${String(chunk)}`);
}

function up(ftp: FTP): Promise<void> {
  return pipeline(Readable.from([Buffer.alloc(100_000, 'mine')]), ftp.stor('there'));
}

async function list(ftp: FTP): Promise<void> {
  for await (const entry of ftp.list()) throw new Error(`listed: ${entry.name}`);
}
