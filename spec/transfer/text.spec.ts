import { expect } from 'chai';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LimitError } from '../../lib/index';
import { boundary, data, dataEnd, openData, receiveData, send } from '../support/server/steps';
import { errorOf, rejection, useBench } from '../support/transfers';

describe('text', () => {
  const bench = useBench();

  /** The lines of a file that arrives in these pieces. */
  async function linesOf(pieces: readonly (string | Uint8Array)[], options: Parameters<typeof bench.client>[0] = {}): Promise<string[]> {
    const parts = pieces.flatMap((piece) => [data(piece), boundary()]);
    await bench.serve({ script: { RETR: [openData(), send('150 Opening ASCII mode data connection for file.'), ...parts, dataEnd(), send('226 Done.')] } });
    const ftp = bench.client(options);
    const lines = await ftp.retrlines('RETR file').toArray();
    expect(bench.server.commands).to.include('TYPE A');
    return lines as string[];
  }

  for (const [what, pieces, lines] of [
    ['that end in CRLF', ['one\r\ntwo\r\n'], ['one', 'two']],
    ['that end in LF', ['one\ntwo\n'], ['one', 'two']],
    ['that end in either', ['one\ntwo\r\nthree\n'], ['one', 'two', 'three']],
    ['whose last has no end', ['one\r\ntwo'], ['one', 'two']],
    ['that are empty', ['\r\n\n\r\n'], ['', '', '']],
    ['whose CRLF is cut in two', ['one\r', '\ntwo\r', '\n'], ['one', 'two']],
    ['that are cut anywhere', ['o', 'n', 'e\r', '\n', 't', 'wo'], ['one', 'two']],
    ['with a CR in them', ['a\rb\r\n'], ['a\rb']],
    ['whose characters are cut in two', [Buffer.from([0xc3]), Buffer.from([0xa9, 0x0a])], ['é']],
    ['of which there are none', [], []],
  ] as const) {
    it(`comes in lines ${what}`, async () => {
      expect(await linesOf(pieces)).to.deep.equal(lines);
    });
  }

  it('comes in the encoding of the client', async () => {
    expect(await linesOf([Buffer.from([0xe9, 0x0a])], { encoding: 'latin1' })).to.deep.equal(['é']);
  });

  it('with a line longer than `maxLineBytes` is a LimitError', async () => {
    expect(await linesOf(['x'.repeat(100), '\r\n'], { maxLineBytes: 100 })).to.deep.equal(['x'.repeat(100)]);
    expect(await rejection(linesOf(['x'.repeat(60), 'x'.repeat(60)], { maxLineBytes: 100 }))).to.be.instanceOf(LimitError);
  });

  it('that is cut short is an error, whatever lines came', async () => {
    await bench.serve({ script: { RETR: [openData(), send('150 Opening.'), data('one\r\ntw'), dataEnd(), send('426 Broken.')] } });
    const ftp = bench.client();
    const error = await rejection(ftp.retrlines('RETR file').toArray());
    expect(error.reply?.code).to.equal(426);
    expect(error.bytesTransferred).to.equal(7);
    expect(await ftp.pwd()).to.equal('/');
  });

  it('of a file with 100,000 lines comes whole', async () => {
    const lines = Array.from({ length: 100_000 }, (_, i) => `line ${i}`);
    await bench.serve({ files: { '/file': lines.join('\n') } });
    expect(await bench.client().retrlines('RETR file').toArray()).to.deep.equal(lines);
  });

  for (const [what, pieces, sent] of [
    ['LF', ['one\ntwo\n'], 'one\r\ntwo\r\n'],
    ['CRLF', ['one\r\ntwo\r\n'], 'one\r\ntwo\r\n'],
    ['CRLF that is cut in two', ['one\r', '\ntwo'], 'one\r\ntwo'],
    ['LF in a piece of its own', ['one', '\n', 'two'], 'one\r\ntwo'],
    ['bytes', [Buffer.from('one\ntwo')], 'one\r\ntwo'],
    ['letters that are no ASCII', ['é\n'], 'é\r\n'],
    ['nothing', [], ''],
  ] as const) {
    it(`is sent with CRLF: ${what}`, async () => {
      await bench.serve({ script: { STOR: [openData(), send('150 Go on.'), receiveData('/file'), send('226 Done.')] } });
      const ftp = bench.client();
      await pipeline(Readable.from(pieces as Iterable<string | Buffer>, { objectMode: true }), ftp.storlines('STOR file'));
      expect(bench.server.read('/file').toString()).to.equal(sent);
      expect(bench.server.commands).to.include('TYPE A');
    });
  }

  it('that the encoding cannot express is an error, and no complete file', async () => {
    await bench.serve();
    const ftp = bench.client({ encoding: 'latin1' });
    const stream = ftp.storlines('STOR file');
    stream.end('\u010d\n');
    expect(await errorOf(stream)).to.include({ code: 'ERR_FTP_INVALID_ARGUMENT' });
    expect(await ftp.pwd()).to.equal('/');
    expect(bench.server.files.has('/file')).to.equal(false);
  });
});
