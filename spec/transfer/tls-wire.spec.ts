import { expect } from 'chai';
import { FTP } from '../../lib/index';
import { expectUnseen, useEverything, type Secrets } from '../support/eavesdropping';
import { assertNoLeaks, snapshot, type Snapshot } from '../support/leaks';
import { Recorder } from '../support/recorder';
import { CA, WAYS, type Way } from '../support/secured';
import { certificate } from '../support/server/certificates';
import { FtpServer } from '../support/server/ftp-server';
import { dissect } from '../support/wire';

const SECRETS: Secrets = { user: 'dana.k.scully', password: 'trust-no-1', folder: 'autopsies', file: 'budahas.report', content: 'The truth is out there. ' };

describe('a recorded session', () => {
  let before: Snapshot;
  let recorder: Recorder;
  let server: FtpServer | undefined;

  beforeEach(async () => {
    before = await snapshot();
    recorder = await Recorder.start();
  });

  afterEach(async () => {
    await recorder.close();
    await server?.close();
    await assertNoLeaks(before);
  });

  for (const way of WAYS) {
    for (const strictTlsClose of [false, true]) {
      it(`shows no name, password, path or content (${way.title}${strictTlsClose ? ', strict' : ''})`, async () => {
        await useEverything(await begin(way, { strictTlsClose }), SECRETS);
        expectUnseen(recorder.recordings, way.mode, SECRETS);
      });
    }

    it(`shows what follows ccc on the control connection, but no content (${way.title})`, async () => {
      const ftp = await begin(way);
      await ftp.login();
      await ftp.ccc();
      await useEverything(ftp, SECRETS);
      const [control, ...data] = recorder.recordings;
      const { behind } = dissect(control?.toServer ?? Buffer.alloc(0));
      expect(behind.toString()).to.include(`STOR ${SECRETS.folder}/${SECRETS.file}\r\n`).and.not.match(/USER|PASS/);
      for (const { toServer, toClient } of data) for (const bytes of [toServer, toClient]) expect(bytes.includes(SECRETS.content)).to.equal(false);
    });
  }

  it('without TLS shows all of it, so that the others would notice', async () => {
    server = await FtpServer.start({ users: { [SECRETS.user]: SECRETS.password } });
    const { host, port } = server;
    await useEverything(new FTP({ host, port, user: SECRETS.user, password: SECRETS.password, createConnection: recorder.dial }), SECRETS);
    const all = Buffer.concat(recorder.recordings.flatMap(({ toServer, toClient }) => [toServer, toClient]));
    for (const secret of Object.values(SECRETS)) expect(all.includes(secret), secret).to.equal(true);
    expect(() => expectUnseen(recorder.recordings, 'explicit', SECRETS)).to.throw();
  });

  async function begin({ mode, version }: Way, options: { strictTlsClose?: boolean } = {}): Promise<FTP> {
    const tls = { mode, minVersion: version, maxVersion: version, ...certificate() };
    server = await FtpServer.start({ users: { [SECRETS.user]: SECRETS.password }, tls });
    const { host, port } = server;
    return new FTP({ host, port, user: SECRETS.user, password: SECRETS.password, secure: mode, tls: { ca: CA }, createConnection: recorder.dial, ...options });
  }
});
