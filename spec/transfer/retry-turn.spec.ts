import { expect } from 'chai';
import { once } from 'node:events';
import type { FTP, RetrStream } from '../../lib/index';
import { ConnectionClosedError } from '../../lib/errors';
import type { Sequence } from '../support/server/script';
import { dataReset, resetControl, send } from '../support/server/steps';
import { closing, useBench } from '../support/transfers';
import { CUT, FILE, RetryScene, PATTERN } from './retry-scene';

const FOR_WEEKS = { attempts: 1, backoff: 2 ** 31 - 1, maxDelay: 2 ** 31 - 1 } as const;

describe('a download with retry', () => {
  const bench = useBench();
  const scene = new RetryScene(bench);
  const broken: Sequence = [scene.arrive(CUT), dataReset(), send('426 Broken.')];
  const lost: Sequence = [scene.arrive(CUT), resetControl(), dataReset()];

  beforeEach(() => bench.serve({ files: { '/file': PATTERN } }));

  describe('is over at once', () => {
    it('at a refusal', async () => {
      bench.server.files.delete('/file');
      const { error, retries } = await scene.download([]);
      expect(error).to.include({ code: 'ERR_FTP_PERMANENT' });
      expect(retries).to.deep.equal([]);
    });

    it('where it may not retry: attempts 0', async () => {
      const { error } = await scene.download([broken], { retry: 0 });
      expect(error).to.include({ code: 'ERR_FTP_TEMPORARY' });
      expect(error?.message).to.match(/426 Broken\.$/);
    });

    it('on a client that was connected by hand, which is told of the loss', async () => {
      const { error, retries } = await scene.download([lost], {}, await byHand());
      expect(error).to.be.instanceOf(ConnectionClosedError);
      expect(retries).to.deep.equal([]);
      expect(bench.logins).to.equal(1);
    });

    it('but goes on there as long as the control connection lives', async () => {
      expect((await scene.download([broken], {}, await byHand())).bytes.equals(FILE)).to.equal(true);
    });

    async function byHand(): Promise<FTP> {
      const ftp = bench.client();
      await ftp.connect();
      await ftp.login();
      return ftp;
    }
  });

  describe('while it waits', () => {
    it('is ended by destroy(), and the next operation has its turn', async () => {
      const { ftp, stream } = await waiting();
      stream.destroy();
      await closing(stream);
      expect(await ftp.pwd()).to.equal('/');
    });

    it('is ended by abort()', async () => {
      const { ftp, stream } = await waiting();
      const failed = once(stream, 'error');
      expect(await ftp.abort()).to.equal(undefined);
      expect((await failed)[0]).to.include({ code: 'ERR_FTP_ABORTED' });
    });

    it('is ended by close(), and stays ended', async () => {
      const { ftp, stream } = await waiting();
      const failed = once(stream, 'error');
      ftp.close();
      expect((await failed)[0]).to.be.instanceOf(ConnectionClosedError).and.include({ message: 'RETR file: the client was closed' });
      expect(bench.logins).to.equal(1);
    });

    it('is ended by its signal', async () => {
      const controller = new AbortController();
      const { ftp, stream } = await waiting(controller.signal);
      const failed = once(stream, 'error');
      controller.abort();
      expect((await failed)[0]).to.include({ name: 'AbortError' });
      expect(await ftp.pwd()).to.equal('/');
    });

    /** A client whose download pauses before its retry. */
    async function waiting(signal?: AbortSignal): Promise<{ ftp: FTP; stream: RetrStream }> {
      const ftp = bench.client();
      const stream = scene.stream(ftp, [lost], { retry: FOR_WEEKS, ...(signal ? { signal } : {}) });
      const retry = once(stream, 'retry');
      stream.resume();
      await retry;
      return { ftp, stream };
    }
  });

  it('is ended by close() while it runs', async () => {
    const ftp = bench.client();
    const { error, retries } = await scene.download([[scene.arrive(CUT), () => ftp.close()]], {}, ftp);
    expect(error).to.be.instanceOf(ConnectionClosedError);
    expect(retries).to.deep.equal([]);
    expect(bench.logins).to.equal(1);
  });

  it('keeps its turn: what was called after it comes after it', async () => {
    const ftp = bench.client();
    const downloading = scene.download([lost], {}, ftp);
    const quitting = ftp.quit();
    expect((await downloading).bytes.equals(FILE)).to.equal(true);
    await quitting;
    expect(bench.server.commands.at(-1)).to.equal('QUIT');
  });
});
