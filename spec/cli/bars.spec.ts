import { expect } from 'chai';
import { type BarState, type Look, renderBars, renderDone } from '../../lib/cli/bars';
import { escapeControls, textWidth } from '../../lib/cli/text';

const NAMES = ['a.iso', 'a-rather-long-name-of-a-disk-image-in-a-folder-2026-11-29.tar.gz', '日本語のとても長いファイル名前です.txt', '👩\u200d👩\u200d👧👩\u200d👩\u200d👧👍🏽🇩🇪.jpg', 'e\u0301\u0301e\u0301'];
const WIDTHS = [1, 5, 10, 20, 33, 34, 40, 50, 54, 55, 60, 80, 90, 91, 120, 200];

function look(columns: number, rest: Partial<Look> = {}): Look {
  return { columns, rows: 24, color: false, unicode: true, ...rest };
}

function state(rest: Partial<BarState> & { name?: string } = {}): BarState {
  const { name = 'debian-12.iso', ...others } = rest;
  return { labels: [name], bytes: 12_345_678, total: 29_100_000, rate: 1_400_000, eta: 12, seconds: 0, ...others };
}

/** The bars, with the room for their names that a display would give them. */
function render(states: readonly BarState[], of: Look): string[] {
  return renderBars(states, of, Math.max(...states.map(({ labels: [label] }) => textWidth(escapeControls(label)))));
}

describe('the bars', () => {
  it('show all figures where there is room', () => {
    expect(render([state()], look(120))).to.deep.equal([
      'debian-12.iso  ━━━━━━━━━━━━━━━━╸───────────────────────   42%  12.3 MB of 29.1 MB   1.4 MB/s    00:12',
    ]);
    expect(render([state()], look(60))).to.deep.equal(['debian-12.iso ━━━━━╸────────  42% 12.3 MB  1.4 MB/s   00:12']);
    expect(render([state()], look(40))).to.deep.equal(['debian-12.iso     42%  1.4 MB/s   00:12']);
    expect(render([state()], look(20))).to.deep.equal(['debian-12.iso   42%']);
    expect(render([state()], look(8))).to.deep.equal(['42%']);
  });

  it('leave a line of a file that is done, however short or long its name is', () => {
    for (const name of ['a', '-', 'ab', '日', 'abc', ...NAMES]) {
      for (const columns of [40, 60, 120, 200]) {
        const line = renderDone({ name, bytes: 1_000_000, resumedFrom: 0, seconds: 10 }, look(columns), textWidth(name));
        expect(line, `${name}, ${columns} columns`).to.match(/^\S+ +1\.0 MB in 00:10, 100 kB\/s$/);
        expect(textWidth(line)).to.be.below(columns);
      }
    }
  });

  it('show the bytes where the total is not known', () => {
    const unknown = state({ total: undefined, eta: undefined });
    expect(render([unknown], look(120))).to.deep.equal(['debian-12.iso  ━━━━━━━━────────────────────────────────                   12.3 MB   1.4 MB/s']);
    expect(render([unknown], look(60))).to.deep.equal(['debian-12.iso ━━━───────────      12.3 MB  1.4 MB/s']);
    expect(render([unknown], look(40))).to.deep.equal(['debian-12.iso          1.4 MB/s 12.3 MB']);
    expect(render([unknown], look(20))).to.deep.equal(['debia…2.iso 12.3 MB']);
  });

  it('go to and fro where the total is not known, while bytes come', () => {
    const bars = [0, 0.1, 0.2, 2.2, 2.4, 4.3, 4.4, 4.6].map((seconds) => /[━─]+/.exec(render([state({ total: undefined, eta: undefined, seconds })], look(60))[0] ?? '')?.[0]);
    expect(bars).to.deep.equal([
      '━━━───────────', '━━━───────────', '─━━━──────────', '───────────━━━', '──────────━━━─', '─━━━──────────', '━━━───────────', '─━━━──────────',
    ]);
    expect(render([state({ total: undefined, eta: undefined, rate: 0, seconds: 1 })], look(60))).to.deep.equal(['debian-12.iso ──────────────      12.3 MB   stalled']);
  });

  it('shorten names in the middle, and take the first label that fits', () => {
    expect(render([state({ name: NAMES[1] as string })], look(60))[0]).to.match(/^a-rath…\.tar\.gz ━/);
    const labels = ['1,203 of 2,000 files', '1,203/2,000'] as const;
    expect(render([state({ labels })], look(40))[0]).to.match(/^1,203\/2,000 {3}/);
    expect(render([state({ labels })], look(120))[0]).to.match(/^1,203 of 2,000 files {2}━/);
  });

  it('say what is not known, and what does not move', () => {
    const cases: readonly (readonly [Partial<BarState>, string])[] = [
      [{ bytes: 0, total: undefined, rate: undefined, eta: undefined }, 'debian-12.iso'],
      [{ bytes: 0, rate: undefined, eta: undefined }, 'debian-12.iso ──────────────   0%     0 B'],
      [{ rate: 0, eta: undefined }, 'debian-12.iso ━━━━━╸────────  42% 12.3 MB   stalled'],
      [{ bytes: 29_100_000, rate: 0, eta: 0 }, 'debian-12.iso ━━━━━━━━━━━━━━ 100% 29.1 MB             00:00'],
      [{ bytes: 0, total: 0, rate: 0, eta: 0 }, 'debian-12.iso ━━━━━━━━━━━━━━ 100%     0 B             00:00'],
      [{ bytes: 30_000_000, eta: 0 }, 'debian-12.iso ━━━━━━━━━━━━━━ 100% 30.0 MB  1.4 MB/s   00:00'],
    ];
    for (const [rest, line] of cases) expect(render([state(rest)], look(60))).to.deep.equal([line]);
  });

  it('keep the figures after a name that is written from right to left', () => {
    const [line = ''] = render([state({ name: 'שלום.bin' })], look(60));
    expect(line).to.match(/^\u200eשלום\.bin\u200e ━/);
    expect(textWidth(line)).to.equal(59);
    expect(render([state({ name: 'שלום.bin' })], look(60, { unicode: false }))[0]).to.not.include('\u200e');
  });

  it('are never wider than the terminal without its last column', () => {
    const figures = [{}, { total: undefined }, { eta: undefined }, { bytes: 0, rate: 0 }, { total: 0 }, { rate: 999_949_999, eta: 1e9, bytes: 2 ** 50, total: 2 ** 53 }, { eta: 86_399 }];
    for (const columns of WIDTHS) {
      for (const unicode of [true, false]) {
        for (const rest of figures) {
          const lines = render(NAMES.map((name) => state({ name, ...rest })), look(columns, { unicode }));
          for (const line of lines) expect(textWidth(line), `${columns}: ${line}`).to.be.at.most(Math.max(1, columns - 1));
        }
      }
    }
  });

  it('stand one below the other', () => {
    for (const columns of [40, 60, 120, 200]) {
      const lines = render(NAMES.map((name) => state({ name })), look(columns));
      const ends = lines.map((line) => textWidth(line));
      expect(new Set(ends).size, String(columns)).to.equal(1);
    }
  });

  it('are bounded by the height', () => {
    const states = Array.from({ length: 30 }, (_, i) => state({ name: `file-${i}` }));
    const lines = render(states, look(80, { rows: 10 }));
    expect([lines.length, lines.at(-1)]).to.deep.equal([9, 'and 22 more']);
    expect(render(states, look(80, { rows: 1 }))).to.have.length(1);
    expect(render(states, look(80, { rows: 31 }))).to.have.length(30);
  });

  it('reach 100 % with the last byte, and not before', () => {
    const ends = [{ bytes: 999_999, total: 1_000_000 }, { bytes: 5, total: 5 }, { bytes: 0, total: 0 }, { bytes: 7, total: 5 }];
    expect(ends.map((end) => /\d+%/.exec(render([state(end)], look(80))[0] as string)?.[0])).to.deep.equal(['99%', '100%', '100%', '100%']);
  });

  it('are of ASCII where the terminal is, and in colours where it has some', () => {
    expect(render([state({ name: NAMES[1] as string })], look(60, { unicode: false }))[0]).to.match(/^a-rat\.\.\..* #####\.+ /);
    expect(render([state()], look(60, { color: true }))).to.deep.equal([
      'debian-12.iso \x1b[36m━━━━━╸\x1b[39m\x1b[2m────────\x1b[22m  42% 12.3 MB  1.4 MB/s   00:12',
    ]);
  });

  it('escape what a server says', () => {
    expect(render([state({ name: 'a\x1b[2J\u202eb' }), state({ name: 'c\nd' })], look(120)).map((line) => line.slice(0, 16))).to.deep.equal(['a\\x1b[2J\\u202eb ', 'c\\nd            ']);
  });
});
