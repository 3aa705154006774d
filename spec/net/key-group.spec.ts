import { expect } from 'chai';
import { text } from 'node:stream/consumers';
import { createSecureContext, type ConnectionOptions } from 'node:tls';
import { SecurityError } from '../../lib/errors';
import { failure } from '../support/client';
import { Recorder } from '../support/recorder';
import { CA, CONTENT, SecuredStage } from '../support/secured';
import type { TlsOptions } from '../support/server/tls-options';
import { retriesOf } from '../support/wire';

describe('a server that asks for a key of another group', () => {
  let recorder: Recorder;

  beforeEach(async () => {
    recorder = await Recorder.start();
  });
  afterEach(() => recorder.close());
  const stage = new SecuredStage(); // looks for leaks, when the recorder is closed

  /** Two downloads; how many times each connection's hello was asked for again. */
  async function retries(server: Partial<TlsOptions>, tls: ConnectionOptions = {}): Promise<number[]> {
    const ftp = stage.client(await stage.serve(server), { tls: { ca: CA, ...tls }, createConnection: recorder.dial });
    expect(await text(ftp.retr('file'))).to.equal(CONTENT);
    expect(await text(ftp.retr('file'))).to.equal(CONTENT);
    await ftp.quit();
    return recorder.recordings.map(({ toClient }) => retriesOf(toClient));
  }

  for (const ecdhCurve of ['prime256v1', 'secp384r1']) {
    for (const requireReuse of [false, true]) {
      it(`asks on the control connection only: ${ecdhCurve}${requireReuse ? ', sessions resumed' : ''}`, async () => {
        expect(await retries({ ecdhCurve, requireReuse })).to.deep.equal([1, 0, 0]);
      });
    }
  }

  it('and takes another one on data connections, makes the first of them fail, and is asked by the next', async () => {
    const server = await stage.serve({ ecdhCurve: 'prime256v1', data: { ecdhCurve: 'X25519' } });
    const ftp = stage.client(server, { createConnection: recorder.dial });
    expect(await failure(text(ftp.retr('file')))).to.be.instanceOf(SecurityError);
    expect(await text(ftp.retr('file'))).to.equal(CONTENT);
    await ftp.quit();
  });

  it('is offered no other group on data connections, which a policy might forbid', async () => {
    const ftp = stage.client(await stage.serve({ ecdhCurve: 'secp384r1' }), { createConnection: recorder.dial });
    expect(await text(ftp.retr('file'))).to.equal(CONTENT);
    const offered = recorder.recordings[1]?.toServer;
    expect(offered?.includes(Buffer.from('000a000400020018', 'hex'))).to.equal(true); // supported_groups (10): 4 bytes, a list of 2, secp384r1 (24)
  });

  it('asks each time where the caller chose the groups', async () => {
    expect(await retries({ ecdhCurve: 'prime256v1' }, { ecdhCurve: 'X25519:prime256v1' })).to.deep.equal([1, 1, 1]);
  });

  it('asks each time where the caller made the context', async () => {
    expect(await retries({ ecdhCurve: 'prime256v1' }, { secureContext: createSecureContext({ ca: CA }) })).to.deep.equal([1, 1, 1]);
  });

  it('is no usual one', async () => {
    expect(await retries({})).to.deep.equal([0, 0, 0]);
  });
});
