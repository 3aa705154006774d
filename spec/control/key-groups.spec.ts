import { expect } from 'chai';
import { text } from 'node:stream/consumers';
import { createSecureContext, type ConnectionOptions } from 'node:tls';
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

  it('for data connections only, is understood as before', async () => {
    const data = { ecdhCurve: 'X25519' };
    expect(await retries({ ecdhCurve: 'prime256v1', data })).to.deep.equal([1, 1, 1]);
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
