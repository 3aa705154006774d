import { expect } from 'chai';
import { once } from 'node:events';
import { TransferError, type FTPError, type StorStream } from '../../lib/index';
import { certificate } from '../support/server/certificates';
import type { Sequence, Step } from '../support/server/script';
import { dataClosed, dataEnd, dataReset, openData, raw, receiveData, send } from '../support/server/steps';
import { errorOf, useBench } from '../support/transfers';

const MARK = send('150 Ok to send data.');
const DONE = send('226 Transfer complete.');

describe('an upload whose last byte and FIN have left', () => {
  const bench = useBench();

  /** What an upload of `hello` ends with; the session must live on. */
  async function put(...STOR: Sequence): Promise<{ error: FTPError | undefined; stream: StorStream }> {
    await bench.serve({ script: { STOR } });
    const ftp = bench.client();
    const stream = ftp.stor('file');
    stream.end('hello');
    const error = await errorOf(stream);
    expect(await ftp.pwd()).to.equal('/');
    expect(bench.logins).to.equal(1);
    return { error, stream };
  }

  it('is an error when the connection is reset, though the server says 226: what cut it may have ended it properly for the server', async () => {
    const { error, stream } = await put(openData(), MARK, dataClosed(), dataReset(), DONE);
    expect(error).to.be.instanceOf(TransferError);
    expect(error).to.include({ phase: 'data', bytesTransferred: 5, maybeCompleted: true });
    expect(error?.reply?.code).to.equal(226);
    expect(stream.writableFinished).to.equal(false);
  });

  it('is the error of the server where there is one', async () => {
    const { error } = await put(openData(), MARK, dataClosed(), dataReset(), send('426 Failure reading network stream.'));
    expect(error).to.include({ code: 'ERR_FTP_TEMPORARY', bytesTransferred: 5 });
  });

  it('is an error when the server says 226 in one breath with its mark, before a byte can have come', async () => {
    const { error, stream } = await put(openData(), raw('150 Ok to send data.\r\n226 Transfer complete.\r\n'));
    expect(error).to.be.instanceOf(TransferError).with.property('message', 'STOR file: the server ended the upload before we did: 226 Transfer complete.');
    expect(stream.writableFinished).to.equal(false);
  });

  for (const [when, ...steps] of [
    ['before', dataEnd(), DONE],
    ['after', DONE, dataEnd()],
  ] as const) {
    it(`is complete when the server ends the connection ${when} its 226`, async () => {
      expect((await put(openData(), MARK, receiveData(), ...steps)).error).to.equal(undefined);
      expect(bench.server.read('/file').toString()).to.equal('hello');
    });
  }
});

describe('an upload in TLS whose connection is reset before its end has left', () => {
  const bench = useBench();
  const SECRET = certificate();
  /** Reads the first bytes, and no more. */
  const receiveFirst: Step = async (session) => {
    const stream = await session.protectedData();
    await once(stream, 'data');
    stream.pause();
  };

  for (const [when, end] of [
    ['in the same turn', (stream: StorStream) => void (stream.write('hel'), stream.end('lo'))],
    ['a turn later', (stream: StorStream) => void stream.write('hel', () => setImmediate(() => stream.end('lo')))],
  ] as const) {
    for (const passive of [true, false]) {
      it(`is an error, though the server says 226: our close_notify must not take the reset for an end (${passive ? 'passive' : 'active'}, ended ${when})`, async () => {
        await bench.serve({ script: { STOR: [openData(), MARK, receiveFirst, dataReset(), DONE] }, tls: { mode: 'explicit', ...SECRET } });
        const ftp = bench.client({ secure: 'explicit', tls: { ca: SECRET.cert }, passive });
        const stream = ftp.stor('file');
        end(stream);
        expect(await errorOf(stream)).to.be.instanceOf(TransferError).with.property('phase', 'data');
        expect(stream.writableFinished).to.equal(false);
        expect(await ftp.pwd()).to.equal('/');
        expect(bench.logins).to.equal(1);
      });
    }
  }
});
