import { expect } from 'chai';
import { codecFor } from '../../lib/encoding';
import { LineDecoder, LineEnder } from '../../lib/transfer/lines';
import { LimitError } from '../../lib/errors';

/** The bytes whole, in two chunks at every place, and one by one. */
function ways(bytes: Buffer): Buffer[][] {
  const splits = Array.from({ length: bytes.length + 1 }, (_, at) => [bytes.subarray(0, at), bytes.subarray(at)]);
  return [[bytes], ...splits, [...bytes].map((byte) => Buffer.of(byte))];
}

describe('LineDecoder', () => {
  const cases: [string, string, string[]][] = [
    ['LF and CRLF', 'one\r\ntwo\nthree\n', ['one', 'two', 'three']],
    ['a last line without an end', 'one\ntwo', ['one', 'two']],
    ['empty lines', '\n\r\n\nx\n', ['', '', '', 'x']],
    ['nothing', '', []],
    ['a CR within a line', 'a\rb\r\nc\r', ['a\rb', 'c\r']],
    ['one CR before the end only', 'a\r\r\n', ['a\r']],
    ['characters of several bytes', 'größe\nファイル\n', ['größe', 'ファイル']],
  ];
  for (const [what, text, lines] of cases) {
    it(`${what}, however the bytes are split`, () => {
      for (const chunks of ways(Buffer.from(text))) {
        const decoder = new LineDecoder(codecFor('utf8').decode, 100);
        expect([...chunks.flatMap((chunk) => decoder.decode(chunk)), ...decoder.end()]).to.deep.equal(lines);
      }
    });
  }

  it('refuses a line beyond the cap before it has come to its end', () => {
    const decoder = new LineDecoder(codecFor('utf8').decode, 10);
    expect(decoder.decode(Buffer.from('0123456789\r\n0123'))).to.deep.equal(['0123456789']);
    expect(() => decoder.decode(Buffer.from('45678901'))).to.throw(LimitError, 'maxLineBytes');
  });
});

describe('LineEnder', () => {
  const cases: [string, string][] = [
    ['one\ntwo\n', 'one\r\ntwo\r\n'], ['one\r\ntwo\r\n', 'one\r\ntwo\r\n'], ['mixed\r\nends\n\n', 'mixed\r\nends\r\n\r\n'],
    ['no end', 'no end'], ['a\rb\n', 'a\rb\r\n'], ['\n', '\r\n'], ['', ''],
  ];
  for (const [text, sent] of cases) {
    it(`${JSON.stringify(text)} is sent as ${JSON.stringify(sent)}, however it is split`, () => {
      for (const chunks of ways(Buffer.from(text))) {
        const ender = new LineEnder();
        expect(Buffer.concat(chunks.map((chunk) => ender.convert(chunk))).toString()).to.equal(sent);
      }
    });
  }
});
