import { expect } from 'chai';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { AbortedError } from '../../lib/index';
import { gate } from '../support/server/gate';
import { data, dataClosed, normal, openData, send, until } from '../support/server/steps';
import { received, rejection, useBench } from '../support/transfers';

const MARK = '150 Opening BINARY mode data connection for file (1000000 bytes).';

describe('abort()', () => {
  const bench = useBench();

  it('fails with AbortedError and tells the reply to ABOR', async () => {
    await bench.serve();
    const ftp = bench.client();
    const stream = ftp.retr('file');
    bench.server.script = { RETR: [openData(), send(MARK), data('hello'), until(received(stream, 5)), dataClosed(), send('426 Connection closed; transfer aborted.')], ABOR: '226 ABOR successful.' };
    const over = rejection(finished(stream));
    await received(stream, 5).promise;
    const reply = await ftp.abort();
    expect(reply?.text).to.equal('ABOR successful.');
    expect(await over).to.be.instanceOf(AbortedError);
    expect(await over).to.include({ bytesTransferred: 5, expectedBytes: 1_000_000, command: 'RETR file' });
    expect(await ftp.pwd()).to.equal('/');
  });

  for (const verb of ['FEAT', 'EPSV'] as const) {
    for (const operation of ['retr', 'list'] as const) {
      it(`is told at once, also while ${verb} is not answered, and the session goes on (${operation})`, async () => {
        const answered = gate();
        await bench.serve({ files: { '/file': 'hello' }, script: { [verb]: [until(answered), normal()] } });
        const ftp = bench.client();
        const stream: Readable = operation === 'retr' ? ftp.retr('file') : ftp.list();
        const over = rejection(finished(stream.resume()));
        await bench.server.waitFor(verb);
        const aborted = ftp.abort();
        expect(await over).to.be.instanceOf(AbortedError);
        answered.open();
        expect(await aborted).to.equal(undefined);
        expect(await ftp.pwd()).to.equal('/');
        expect(bench.logins).to.equal(1);
      });
    }
  }

  it('does nothing when nothing runs', async () => {
    await bench.serve();
    const ftp = await bench.warmClient();
    expect(await ftp.abort()).to.equal(undefined);
    await ftp.noop();
    expect(bench.transcript).to.deep.equal(['NOOP']);
  });
});
