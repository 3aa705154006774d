import { expect } from 'chai';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { StorStream } from '../../lib/index';
import { gate, turn } from '../support/server/gate';
import { data, dataClosed, dataEnd, normal, openData, send, until } from '../support/server/steps';
import { closing, outcomeOf, useBench } from '../support/transfers';

describe('a transfer that is left while the replies to commands before it are due', () => {
  const bench = useBench();

  it('takes those for no reply of its own', async () => {
    const DONE = send('226 Transfer complete.');
    // The session's first OPTS leaves with its first transfer command; this server answers neither before it has ABOR.
    await bench.serve({ files: { '/file': 'hello' }, script: { OPTS: [until(() => bench.server.waitFor('ABOR')), send('200 UTF8 set to on.')], RETR: [openData(), send('150 Go.'), DONE] } });
    const ftp = bench.client();
    const stream = ftp.retr('file');
    stream.read(0);
    await bench.server.waitFor('RETR');
    stream.destroy();
    await closing(stream);
    expect(await Promise.all([ftp.pwd(), ftp.size('file')])).to.deep.equal(['/', 5]);
    expect(bench.server.commands.filter((line) => /^(OPTS|RETR|ABOR)/.test(line))).to.deep.equal(['OPTS UTF8 ON', 'RETR file', 'ABOR']);
    expect(bench.logins).to.equal(1);
  });
});

describe('a download that is left between the end of its data and a mark that is late', () => {
  const bench = useBench();

  it('leaves the next one alone', async () => {
    await bench.serve({ files: { '/next': 'its own' } });
    const ftp = await bench.warmClient();
    const stream = ftp.retr('file').resume();
    const left = [openData(), data('x'), dataEnd(), dataClosed(), () => void stream.destroy(), until(() => bench.server.waitFor('ABOR')), send('150 Go.'), send('226 Done.')];
    bench.server.script = {
      RETR: async (session, name) => {
        if (name === 'next') return session.normal();
        for (const step of left) await step(session);
      },
    };
    const { bytes, error } = await outcomeOf(ftp.retr('next'));
    expect(error).to.equal(undefined);
    expect(bytes.toString()).to.equal('its own');
    expect(bench.logins).to.equal(1);
  });
});

describe('a transfer that is left while the 226 of the one before is due, on a server that answers EPSV before it', () => {
  const bench = useBench();
  const early = createServer();

  before(() => once(early.listen(0, '127.0.0.1'), 'listening'));
  after(() => void early.close());

  for (const verb of ['RETR', 'STOR'] as const) {
    it(`${verb} has not been sent, and the one before it stays whole`, async () => {
      const done = gate();
      await bench.serve({ files: { '/first': 'whole', '/second': 'second' } });
      const ftp = await bench.warmClient();
      const isSecond = (line: string): boolean => line === 'EPSV' && bench.transcript.filter((each) => each === 'EPSV').length === 2;
      const offer = send(`229 Early (|||${(early.address() as AddressInfo).port}|)`);
      const first = [openData(), send('150 Go.'), data('whole'), dataEnd(), until(() => bench.server.waitFor(isSecond)), offer, until(done), send('226 Done.')];
      bench.server.script = {
        EPSV: [[normal()], [() => undefined], [normal()]], // the second one was answered already
        RETR: async (session, name) => {
          if (name !== 'first') return session.normal();
          for (const step of first) await step(session);
        },
      };
      const whole = outcomeOf(ftp.retr('first'));
      const left = verb === 'RETR' ? ftp.retr('second').resume() : begun(ftp.stor('up'));
      const [connection] = (await once(early, 'connection')) as [Socket];
      await turn(); // its command waits for the 226
      left.destroy();
      await closing(connection.on('error', () => undefined).resume());
      done.open();
      const { bytes, error } = await whole;
      expect(error).to.equal(undefined);
      expect(bytes.toString()).to.equal('whole');
      expect((await outcomeOf(ftp.retr('second'))).bytes.toString()).to.equal('second');
      expect(bench.transcript).to.deep.equal(['EPSV', 'RETR first', 'EPSV', 'EPSV', 'RETR second']);
      expect(bench.logins).to.equal(1);
    });
  }
});

/** An upload that has its first byte. */
function begun(upload: StorStream): StorStream {
  upload.write('x');
  return upload;
}
