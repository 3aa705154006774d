import { expect } from 'chai';
import { data, dataClosed, dataEnd, openData, send, until } from '../support/server/steps';
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
