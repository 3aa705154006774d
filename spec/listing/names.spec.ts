import { expect } from 'chai';
import type { Codec } from '../../lib/encoding';
import { ArgumentError } from '../../lib/errors';
import { rawNameOf } from '../../lib/listing/entry';
import type { Encoding } from '../../lib/encoding';
import { parseList } from '../../lib/listing/list-parser';

const UTF8 = Buffer.from('größe');
const LATIN1 = Buffer.from('größe', 'latin1');
const SHIFT_JIS = Buffer.from([0x8e, 0x8e, 0x8c, 0xb1, 0x83, 0x5c]); // 試験ソ, whose last byte is a backslash

/** As a caller would make one of iconv: only what the specs need. */
const shiftJis: Codec = {
  encode: () => SHIFT_JIS,
  decode: (bytes) => new TextDecoder('shift_jis').decode(bytes),
};

function read(name: Buffer, encoding?: Encoding, front = '-rw-r--r-- 1 u g 1 Jan 1 2020 '): { name: string | undefined; bytes: Buffer | undefined } {
  const listing = Buffer.concat([Buffer.from(front), name, Buffer.from('\r\n')]);
  const [entry] = parseList(listing, encoding === undefined ? {} : { encoding });
  return { name: entry?.name, bytes: entry && (rawNameOf(entry) ?? Buffer.from(entry.name)) };
}

describe('names of a listing', () => {
  for (const front of ['-rw-r--r-- 1 u g 1 Jan 1 2020 ', 'type=file; ', '+r,\t', '04-06-00  03:47PM  589 ']) {
    for (const encoding of [undefined, 'auto', 'utf8', 'latin1', shiftJis] as const) {
      const shown = typeof encoding === 'object' ? 'shift_jis' : encoding;
      it(`are the server’s bytes after ${JSON.stringify(front)} in ${shown ?? 'no encoding'}`, () => {
        for (const name of [UTF8, LATIN1, SHIFT_JIS, Buffer.from('plain')]) {
          expect(read(name, encoding, front).bytes).to.deep.equal(name);
        }
      });
    }
  }

  it('are UTF-8 where the line is, and latin1 where it is not', () => {
    expect(read(UTF8).name).to.equal('größe');
    expect(read(LATIN1).name).to.equal('größe');
    const both = Buffer.concat([Buffer.from('type=file; '), UTF8, Buffer.from('\ntype=file; '), LATIN1]);
    expect(parseList(both, { encoding: 'auto' }).map(({ name }) => name)).to.deep.equal(['größe', 'größe']);
  });

  it('are in the encoding that is given', () => {
    expect(read(UTF8, 'utf8').name).to.equal('größe');
    expect(read(LATIN1, 'latin1').name).to.equal('größe');
    expect(read(LATIN1, 'utf8').name).to.include('\ufffd');
    expect(read(SHIFT_JIS, shiftJis).name).to.equal('試験ソ');
  });

  it('have no other bytes where UTF-8 is exact', () => {
    for (const name of ['plain', 'größe', '試験', '😀', '\ufffd']) {
      const [entry] = parseList(Buffer.from(`type=file; ${name}\r\n`));
      expect(entry?.name).to.equal(name);
      expect(entry && rawNameOf(entry)).to.equal(undefined);
    }
  });

  it('have their bytes, not those of the target or the line', () => {
    const [link] = parseList(Buffer.from('lrwxrwxrwx 1 j\xf6rg g 4 Jan 1 2020 \xe4 -> \xfc\r\n', 'latin1'));
    expect(link).to.include({ name: 'ä', target: 'ü', owner: 'jörg' });
    expect(link && rawNameOf(link)).to.deep.equal(Buffer.from([0xe4]));
  });

  it('have them where a month is not ASCII either', () => {
    expect(read(LATIN1, undefined, '-rw-r--r-- 1 u g 1 août 1 2020 ').bytes).to.deep.equal(LATIN1);
  });

  it('keep U+0085, U+00A0 and other bytes that are blanks elsewhere', () => {
    for (const byte of [0x85, 0xa0]) expect(read(Buffer.from([byte, 0x61, byte])).bytes).to.deep.equal(Buffer.from([byte, 0x61, byte]));
  });

  it('must be in an encoding that there is', () => {
    expect(() => parseList(Buffer.from(''), { encoding: 'utf16le' })).to.throw(ArgumentError);
  });
});
