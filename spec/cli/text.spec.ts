import { expect } from 'chai';
import { escapeControls, formatCount, formatDuration, formatRate, formatSize, jsonLine, padded, shorten, textWidth } from '../../lib/cli/text';

const FAMILY = '👩\u200d👩\u200d👧';

describe('the width of a text', () => {
  const widths: readonly (readonly [what: string, text: string, width: number])[] = [
    ['ASCII', 'a file.iso', 10],
    ['accents, composed and not', 'é e\u0301', 3],
    ['ideographs', '日本語.txt', 10],
    ['Hangul, composed', '한국', 4],
    ['Hangul in parts, as macOS has it', '한국'.normalize('NFD'), 4],
    ['full and half width', 'Ａｱ', 3],
    ['half-width katakana with its sound mark', 'ｶﾞ', 2],
    ['kana with a combining mark', 'か\u3099', 2],
    ['an ideograph beyond the first plane', '𠀀', 2],
    ['emoji', '🎉', 2],
    ['an emoji with a skin colour', '👍🏽', 2],
    ['joined emoji', FAMILY, 2],
    ['a flag', '🇩🇪', 2],
    ['a flag of tags', '🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}', 2],
    ['a symbol as text, and as a picture', '☺ ☺\ufe0f', 4],
    ['a keycap', '1\ufe0f\u20e3', 2],
    ['Thai vowels', 'ก็', 1],
    ['Hebrew and Arabic', 'שלום عربي', 9],
    ['a box, a dot, and a Greek letter, ambiguous in East Asia', '━…α', 3],
    ['controls and bidi marks', '\u200e\u202e\x1b\r\n', 0],
    ['nothing', '', 0],
  ];
  for (const [what, text, width] of widths) it(what, () => expect(textWidth(text)).to.equal(width));

  it('is the sum of what stands side by side', () => {
    const all = widths.map(([, text]) => text);
    expect(textWidth(all.join(' '))).to.equal(widths.reduce((sum, [, , width]) => sum + width, widths.length - 1));
  });
});

describe('shortening', () => {
  it('leaves what fits', () => expect(shorten('abc', 3)).to.equal('abc'));
  it('takes from the middle, and keeps the end', () => expect(shorten('a-long-name.tar.gz', 11)).to.equal('a-lon…ar.gz'));
  it('shows nothing but the dots where no more has room', () => expect([1, 0].map((width) => shorten('abc', width))).to.deep.equal(['…', '']));
  it('takes other dots', () => expect(shorten('a-long-name.tar.gz', 11, '...')).to.equal('a-lo...r.gz'));

  it('never cuts a grapheme, and never gets too wide', () => {
    const parts = [FAMILY, 'e\u0301', '日', '🇩🇪', 'x', '👍🏽', '1\ufe0f\u20e3'];
    const text = [...parts, ...parts, ...parts].join('');
    for (let width = 0; width <= textWidth(text) + 1; width++) {
      const short = shorten(text, width);
      expect(textWidth(short)).to.be.within(Math.min(width, textWidth(text)) - 2, width);
      const [head = '', tail = ''] = short.split('…');
      expect(without(head, parts) + without(tail, parts)).to.equal('');
    }
  });

  it('fills up by columns', () => expect([padded('日本', 6), padded('abc', 2)]).to.deep.equal(['日本  ', 'abc']));

  function without(text: string, parts: readonly string[]): string {
    return parts.reduce((left, part) => left.replaceAll(part, ''), text);
  }
});

describe('escaping', () => {
  it('leaves names as people write them', () => {
    for (const name of ['a b.txt', 'C:\\x', 'naïve', 'e\u0301', '日本', FAMILY, '🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}', 'نامه\u200cها', 'שלום', '☺\ufe0f']) {
      expect(escapeControls(name)).to.equal(name);
    }
  });

  const hostile: readonly (readonly [what: string, name: string, shown: string])[] = [
    ['moves the cursor', 'a\x1b[2A\rb', 'a\\x1b[2A\\rb'],
    ['sets the title', '\x1b]0;root\x07', '\\x1b]0;root\\x07'],
    ['has controls of 8 bits', '\x9b2J\x85', '\\x9b2J\\x85'],
    ['has several lines', 'a\nb\r\nc\u2028d', 'a\\nb\\r\\nc\\u2028d'],
    ['turns the direction', 'gpj.\u202eexe', 'gpj.\\u202eexe'],
    ['isolates', '\u2066a\u2069', '\\u2066a\\u2069'],
    ['marks a direction', 'a\u200e\u200f\u061cb', 'a\\u200e\\u200f\\u061cb'],
    ['has no width', '\u200b\u200d\ufeff\u2060', '\\u200b\\u200d\\ufeff\\u2060'],
    ['sits on what stands before', '\u0301a', '\\u0301a'],
    ['has tags', 'a\u{e0041}', 'a\\u{e0041}'],
    ['is blank in two columns', '\u3164', '\\u3164'],
    ['erases', 'a\x08\x7f', 'a\\x08\\x7f'],
    ['has half a pair', 'a\ud800', 'a\\ud800'],
  ];
  for (const [what, name, shown] of hostile) it(`a name that ${what}`, () => expect(escapeControls(name)).to.equal(shown));

  it('leaves nothing that a terminal could obey, whatever comes', () => {
    for (let code = 0; code < 0x3000; code++) {
      const shown = escapeControls(`a${String.fromCodePoint(code)}`);
      expect(/[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/.test(shown), code.toString(16)).to.equal(false);
    }
  });

  it('of JSON gives the same value, without controls', () => {
    const value = { name: hostile.map(([, name]) => name).join(''), also: '日本🎉' };
    const line = jsonLine(value);
    expect(JSON.parse(line)).to.deep.equal(value);
    expect(line).to.not.match(/[\x00-\x1f\x7f-\x9f\u202a-\u202e]/);
    expect(line).to.include('日本🎉');
  });
});

describe('figures for people', () => {
  it('sizes, in units of 1000', () => {
    const sizes: readonly (readonly [number, string])[] = [
      [0, '0 B'], [999, '999 B'], [1000, '1.0 kB'], [1440, '1.4 kB'], [99_949, '99.9 kB'], [99_950, '100 kB'], [999_499, '999 kB'], [999_500, '1.0 MB'], [12_345_678, '12.3 MB'],
      [5e9, '5.0 GB'], [2 ** 53, '9.0 PB'], [5e21, '5000 EB'],
    ];
    expect(sizes.map(([bytes]) => formatSize(bytes))).to.deep.equal(sizes.map(([, text]) => text));
    for (let bytes = 1; bytes < 2 ** 53; bytes *= 1.3) expect(formatSize(bytes).length).to.be.at.most(7);
  });

  it('rates', () => expect([1.4e6, 0.4, 0].map(formatRate)).to.deep.equal(['1.4 MB/s', '0 B/s', '0 B/s']));

  it('times', () => {
    const times: readonly (readonly [number, string])[] = [
      [0, '00:00'], [0.6, '00:01'], [192, '03:12'], [3599.6, '1:00:00'], [3792, '1:03:12'], [36_300, '10h 05m'], [345_599, '95h 59m'], [450_000, '5d 05h'], [1e9, '>99d'], [Infinity, '>99d'], [-1, '00:00'],
    ];
    expect(times.map(([seconds]) => formatDuration(seconds))).to.deep.equal(times.map(([, text]) => text));
    for (let seconds = 1; seconds < 1e12; seconds *= 1.1) expect(formatDuration(seconds).length).to.be.at.most(7);
  });

  it('numbers', () => expect([0, 999, 1000, 1_234_567].map(formatCount)).to.deep.equal(['0', '999', '1,000', '1,234,567']));
});
