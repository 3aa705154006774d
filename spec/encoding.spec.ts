import { expect } from 'chai';
import { codecFor, type Codec, type Encoding } from '../lib/encoding';
import { ArgumentError } from '../lib/errors';

describe('codecFor', () => {
  const good: readonly [encoding: Encoding | undefined, text: string, bytes: readonly number[]][] = [
    [undefined, 'é', [0xc3, 0xa9]],
    ['utf8', '😀', [0xf0, 0x9f, 0x98, 0x80]],
    ['utf-8', '\ufeff', [0xef, 0xbb, 0xbf]],
    ['utf8', '\ufffd', [0xef, 0xbf, 0xbd]],
    ['utf8', '', []],
    ['latin1', 'é\x80\xff', [0xe9, 0x80, 0xff]],
    ['binary', '\0\xad', [0x00, 0xad]],
    ['ascii', '\0~\x7f', [0x00, 0x7e, 0x7f]],
  ];
  for (const [encoding, text, bytes] of good) {
    it(`${encoding ?? 'by default'}: ${JSON.stringify(text)} goes to bytes and back`, () => {
      const codec = codecFor(encoding);
      expect([...codec.encode(text)]).to.deep.equal(bytes);
      expect(codec.decode(Uint8Array.from(bytes))).to.equal(text);
      expect(codec.decode(Buffer.from(bytes))).to.equal(text);
    });
  }

  const inexpressible: readonly [encoding: Encoding, text: string][] = [
    ['utf8', 'a\ud83d'],
    ['utf8', '\udc00a'],
    ['utf8', '\udc00\ud800'],
    ['latin1', 'Ā'],
    ['latin1', '\u010d\u010a'], // CR and LF, if only the low byte were sent
    ['latin1', '😀'],
    ['binary', '\u0100'],
    ['ascii', 'é'],
    ['ascii', '\x80'],
    ['ascii', '\ufffd'],
  ];
  for (const [encoding, text] of inexpressible) {
    it(`${String(encoding)}: ${JSON.stringify(text)} cannot be expressed`, () => {
      expect(() => codecFor(encoding).encode(text)).to.throw(ArgumentError, /express/);
    });
  }

  it('tells nothing of a text that it refuses, which may be a password', () => {
    for (const encoding of ['utf8', 'latin1', 'ascii', questionMarks] as const) {
      expect(() => codecFor(encoding).encode('PASS hunter2 \u{1f600}\ud800')).to.throw(ArgumentError, /^(?!.*(hunter2|PASS|😀))/su);
    }
  });

  it('shows what it cannot decode as U+FFFD', () => {
    expect(codecFor('utf8').decode(Buffer.of(0x61, 0xe4, 0x62))).to.equal('a\ufffdb');
    expect(codecFor('ascii').decode(Buffer.of(0x61, 0xe4, 0x8a, 0xff, 0x7f))).to.equal('a\ufffd\ufffd\ufffd\x7f');
  });

  it('decodes only what it is given of a larger buffer', () => {
    expect(codecFor('utf8').decode(new Uint8Array(Buffer.from('xxabyy')).subarray(2, 4))).to.equal('ab');
  });

  for (const encoding of ['hex', 'base64', 'base64url', 'utf16le', 'utf-16le', 'ucs2', 'ucs-2', 'UTF8', '', 'constructor', null, 8, {}, { encode: String }, () => '']) {
    it(`refuses ${JSON.stringify(encoding) ?? 'a function'}`, () => {
      expect(() => codecFor(encoding as Encoding)).to.throw(ArgumentError, /^encoding must be/);
    });
  }

  describe('with a codec of the caller', () => {
    it('may use its memory again: what it encoded before stays', () => {
      const memory = Buffer.alloc(10);
      const codec = codecFor({ encode: (text) => memory.subarray(0, memory.write(text, 'latin1')), decode: (bytes) => Buffer.from(bytes).toString('latin1') });
      const [first, second] = [codec.encode('DELE a'), codec.encode('DELE b')];
      expect([first, second].map((bytes) => Buffer.from(bytes).toString())).to.deep.equal(['DELE a', 'DELE b']);
    });

    it('uses it, this included', () => {
      const codec = codecFor(new Rot13());
      expect(Buffer.from(codec.encode('RETR é')).toString()).to.equal('ERGE é');
      expect(codec.decode(Buffer.from('ERGE'))).to.equal('RETR');
    });

    it('refuses a text that does not come back', () => {
      expect(() => codecFor(questionMarks).encode('RETR é')).to.throw(ArgumentError, /codec cannot express/);
      expect([...codecFor(questionMarks).encode('a?')]).to.deep.equal([0x61, 0x3f]);
    });

    it('refuses what is no Uint8Array and what is no string', () => {
      const wrong = codecFor({ encode: (text: string) => text, decode: (bytes: Uint8Array) => bytes } as unknown as Codec);
      expect(() => wrong.encode('a')).to.throw(ArgumentError, /Uint8Array/);
      expect(() => wrong.decode(Buffer.of(1))).to.throw(ArgumentError, /string/);
    });
  });
});

/** As most tables of characters do it. */
const questionMarks: Codec = {
  encode: (text) => Buffer.from(text.replace(/[^\0-\x7f]/gu, '?')),
  decode: (bytes) => Buffer.from(bytes).toString('latin1'),
};

class Rot13 implements Codec {
  readonly #distance = 13;

  encode(text: string): Uint8Array {
    return Buffer.from(this.#turn(text));
  }

  decode(bytes: Uint8Array): string {
    return this.#turn(Buffer.from(bytes).toString());
  }

  #turn(text: string): string {
    return text.replace(/[A-Z]/g, (char) => String.fromCharCode(65 + ((char.charCodeAt(0) - 65 + this.#distance) % 26)));
  }
}
