import { expect } from 'chai';
import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { describeResult, ProgressDisplay, renderBars, type BarState, type Look, type ProgressDisplayOptions } from '../../lib/cli/progress-display';
import { textWidth } from '../../lib/cli/terminal';
import type { TreeResult } from '../../lib/bulk/tree-options';
import { ManualClock } from '../support/manual-clock';
import { hasPseudoTerminal, PseudoTerminal, Screen } from '../support/pseudo-terminal';

const NAMES = ['a.iso', 'a-rather-long-name-of-a-disk-image-in-a-folder-2026-11-29.tar.gz', '日本語のとても長いファイル名前です.txt', '👩\u200d👩\u200d👧👩\u200d👩\u200d👧👍🏽🇩🇪.jpg', 'e\u0301\u0301e\u0301'];
const WIDTHS = [1, 5, 10, 20, 33, 34, 40, 50, 54, 55, 60, 80, 90, 91, 120, 200];

function look(columns: number, rest: Partial<Look> = {}): Look {
  return { columns, rows: 24, color: false, unicode: true, ...rest };
}

function state(rest: Partial<BarState> & { name?: string } = {}): BarState {
  const { name = 'debian-12.iso', ...others } = rest;
  return { labels: [name], bytes: 12_345_678, total: 29_100_000, rate: 1_400_000, eta: 12, ...others };
}

describe('the bars', () => {
  it('show all figures where there is room', () => {
    expect(renderBars([state()], look(120))).to.deep.equal([
      'debian-12.iso  ━━━━━━━━━━━━━━━━╸───────────────────────   42%  12.3 MB of 29.1 MB   1.4 MB/s    00:12',
    ]);
    expect(renderBars([state()], look(60))).to.deep.equal(['debian-12.iso ━━━━━╸────────  42% 12.3 MB  1.4 MB/s   00:12']);
    expect(renderBars([state()], look(40))).to.deep.equal(['debian-12.iso     42%  1.4 MB/s   00:12']);
    expect(renderBars([state()], look(20))).to.deep.equal(['debian-12.iso   42%']);
    expect(renderBars([state()], look(8))).to.deep.equal(['42%']);
  });

  it('show the bytes where the total is not known', () => {
    const unknown = state({ total: undefined, eta: undefined });
    expect(renderBars([unknown], look(120))).to.deep.equal(['debian-12.iso  ────────────────────────────────────────                   12.3 MB   1.4 MB/s']);
    expect(renderBars([unknown], look(60))).to.deep.equal(['debian-12.iso ──────────────      12.3 MB  1.4 MB/s']);
    expect(renderBars([unknown], look(40))).to.deep.equal(['debian-12.iso          1.4 MB/s 12.3 MB']);
    expect(renderBars([unknown], look(20))).to.deep.equal(['debia…2.iso 12.3 MB']);
  });

  it('shorten names in the middle, and take the first label that fits', () => {
    expect(renderBars([state({ name: NAMES[1] as string })], look(60))[0]).to.match(/^a-rath…\.tar\.gz ━/);
    const labels = ['1,203 of 2,000 files', '1,203/2,000'] as const;
    expect(renderBars([state({ labels })], look(40))[0]).to.match(/^1,203\/2,000 {3}/);
    expect(renderBars([state({ labels })], look(120))[0]).to.match(/^1,203 of 2,000 files {2}━/);
  });

  it('are never wider than the terminal without its last column', () => {
    const figures = [{}, { total: undefined }, { eta: undefined }, { bytes: 0, rate: 0 }, { total: 0 }, { rate: 999_949_999, eta: 1e9, bytes: 2 ** 50, total: 2 ** 53 }, { eta: 86_399 }];
    for (const columns of WIDTHS) {
      for (const unicode of [true, false]) {
        for (const rest of figures) {
          const lines = renderBars(NAMES.map((name) => state({ name, ...rest })), look(columns, { unicode }));
          for (const line of lines) expect(textWidth(line), `${columns}: ${line}`).to.be.at.most(Math.max(1, columns - 1));
        }
      }
    }
  });

  it('stand one below the other', () => {
    for (const columns of [40, 60, 120, 200]) {
      const lines = renderBars(NAMES.map((name) => state({ name })), look(columns));
      const ends = lines.map((line) => textWidth(line));
      expect(new Set(ends).size, String(columns)).to.equal(1);
    }
  });

  it('are bounded by the height', () => {
    const states = Array.from({ length: 30 }, (_, i) => state({ name: `file-${i}` }));
    const lines = renderBars(states, look(80, { rows: 10 }));
    expect([lines.length, lines.at(-1)]).to.deep.equal([9, 'and 22 more']);
    expect(renderBars(states, look(80, { rows: 1 }))).to.have.length(1);
    expect(renderBars(states, look(80, { rows: 31 }))).to.have.length(30);
  });

  it('reach 100 % with the last byte, and not before', () => {
    const ends = [{ bytes: 999_999, total: 1_000_000 }, { bytes: 5, total: 5 }, { bytes: 0, total: 0 }, { bytes: 7, total: 5 }];
    expect(ends.map((end) => /\d+%/.exec(renderBars([state(end)], look(80))[0] as string)?.[0])).to.deep.equal(['99%', '100%', '100%', '100%']);
  });

  it('are of ASCII where the terminal is, and in colours where it has some', () => {
    expect(renderBars([state({ name: NAMES[1] as string })], look(60, { unicode: false }))[0]).to.match(/^a-rat\.\.\..* #####\.+ /);
    expect(renderBars([state({ path: 'deep/a' })], look(60, { color: true }))).to.deep.equal([
      'debian-12.iso \x1b[36m━━━━━╸\x1b[39m\x1b[2m────────\x1b[22m  42% 12.3 MB  1.4 MB/s   00:12', '\x1b[2mdeep/a\x1b[22m',
    ]);
  });

  it('escape what a server says', () => {
    expect(renderBars([state({ name: 'a\x1b[2J\u202eb', path: 'c\nd' })], look(120)).map((line) => line.slice(0, 16))).to.deep.equal(['a\\x1b[2J\\u202eb ', 'c\\nd']);
  });
});

/** A terminal in memory. */
class Terminal extends EventEmitter {
  readonly isTTY: boolean = true;
  readonly writes: string[] = [];
  readonly screen: Screen;

  constructor(
    readonly columns = 80,
    readonly rows = 24,
    reflow = false,
    joins = true,
  ) {
    super();
    this.screen = new Screen(columns, rows, reflow, joins);
  }

  write(text: string): void {
    this.writes.push(text);
    this.screen.write(text);
  }

  resize(columns: number, rows: number): void {
    Object.assign(this, { columns, rows });
    this.screen.resize(columns, rows);
    this.emit('resize');
  }
}

const LISTENED = ['exit', 'uncaughtExceptionMonitor', 'SIGINT', 'SIGTERM', 'SIGHUP', 'SIGTSTP'] as const;

function result(rest: Partial<TreeResult>): TreeResult {
  return { action: 'downloaded', type: 'file', path: 'deep/a.txt', bytes: 1000, ms: 5, ...rest };
}

describe('the display on a terminal', () => {
  let clock: ManualClock;
  let listeners: number[];
  const counts = (): number[] => LISTENED.map((event) => process.listenerCount(event));
  beforeEach(() => {
    clock = new ManualClock();
    listeners = counts();
  });
  afterEach(() => {
    expect([clock.timers, counts()]).to.deep.equal([0, listeners]);
  });

  function open(output: Terminal, options: ProgressDisplayOptions = {}): ProgressDisplay {
    return new ProgressDisplay({ output, clock, env: { LANG: 'C.UTF-8', NO_COLOR: '1' }, ...options });
  }

  for (const columns of [40, 60, 120, 200]) {
    it(`never goes to the next line, and leaves a clean screen: ${columns} columns`, async () => {
      const terminal = new Terminal(columns);
      const display = open(terminal, { env: { LANG: 'C.UTF-8' } });
      terminal.write('$ ftplib get\r\n');
      const files = NAMES.map((name, i) => display.file(name, i === 1 ? undefined : 1_000_000 * 10 ** i));
      for (let step = 0; step < 10; step++) {
        files.forEach((file, i) => file.advance(100_000 * 10 ** i));
        await clock.pass(970);
        expect(terminal.screen.isCursorVisible).to.equal(false);
        expect(terminal.screen.visible).to.have.length(1 + NAMES.length);
      }
      files.forEach((file) => file.done());
      expect(terminal.screen.isCursorVisible).to.equal(true);
      expect(terminal.screen.cursor).to.deep.equal({ row: 1 + NAMES.length, column: 0 });
      expect(terminal.screen.overlong).to.equal(0);
      expect(terminal.screen.all[0]).to.equal('$ ftplib get');
      expect(terminal.screen.all[1]).to.match(/^a\.iso +1\.0 MB in 9\.7 s, 103 kB\/s$/);
      expect(terminal.screen.all[2]).to.match(columns === 40 ? /^a-rath.+ 10\.0 MB in 9\.7 s$/ : /^a-rath.+ 10\.0 MB in 9\.7 s, 1\.0 MB\/s$/);
      expect(terminal.screen.all).to.have.length(1 + NAMES.length);
      display.close();
    });
  }

  it('keeps to its lines on a terminal that takes a name for wider', async () => {
    const terminal = new Terminal(40, 24, false, false);
    const display = open(terminal);
    const file = display.file(NAMES[3] as string, 1000);
    for (let step = 0; step < 5; step++) {
      file.advance(100);
      await clock.pass(100);
      expect(terminal.screen.visible).to.have.length(1);
    }
    expect(terminal.screen.overlong).to.be.above(0);
    file.done();
  });

  it('draws at most ten times a second, in one write each, and only what has changed', async () => {
    const terminal = new Terminal();
    const display = open(terminal);
    const [first, second] = [display.file('first', 100_000), display.file('second', 100_000)];
    for (let i = 0; i < 1000; i++) {
      first.advance(10);
      await clock.pass(1);
    }
    expect(terminal.writes).to.have.length(10);
    const [, ...later] = terminal.writes;
    for (const write of later) expect(write).to.include('first').and.not.include('second');
    await clock.pass(60_000);
    const before = terminal.writes.length;
    await clock.pass(60_000);
    expect(terminal.writes).to.have.length(before);
    second.done();
    first.done();
  });

  it('shows nothing of a file that takes no time but that it is done', async () => {
    const terminal = new Terminal();
    const display = open(terminal);
    display.file('quick', 5).done();
    expect(terminal.writes.join('')).to.equal('quick  0 B in 0.0 s\r\n');
    display.close();
  });

  it('prints lines above the bars, of any length', async () => {
    const terminal = new Terminal(40);
    const display = open(terminal);
    const file = display.file('name', 1000);
    await clock.pass(100);
    display.line(`${'x'.repeat(80)}\n\x1b]0;title\x07`);
    display.line('y'.repeat(41));
    file.advance(500);
    await clock.pass(100);
    expect(terminal.screen.visible).to.deep.equal(['x'.repeat(40), 'x'.repeat(40), '\\x1b]0;title\\x07', 'y'.repeat(40), 'y', 'name              50%  2.5 kB/s   00:00']);
    file.failed('550 No such\x1b[2Jfile');
    expect(terminal.screen.visible.slice(5)).to.deep.equal(['name: 550 No such\\x1b[2Jfile']);
    display.line('after');
    expect(terminal.screen.visible.at(-1)).to.equal('after');
  });

  it('counts only what came now in the line that stays', async () => {
    const terminal = new Terminal(60);
    const display = open(terminal);
    const file = display.file('name', 10_000);
    await clock.pass(2000);
    file.progress({ bytes: 9000, total: 10_000, rate: 500, eta: 2, percent: 90 });
    await clock.pass(2000);
    expect(terminal.screen.visible[0]).to.match(/^name ━+.* 90% {2}9\.0 kB {3}500 B\/s {3}00:02$/);
    file.done(2000);
    expect(terminal.screen.visible).to.deep.equal(['name  2.0 kB in 4.0 s, 500 B/s']);
  });

  it('takes the rate of the last five seconds', async () => {
    const terminal = new Terminal(60);
    const display = open(terminal);
    const file = display.file('name', 1_000_000);
    for (let i = 0; i < 110; i++) {
      file.advance(i < 50 ? 1000 : 100);
      await clock.pass(100);
    }
    expect(terminal.screen.visible[0]).to.match(/ 1\.0 kB\/s {3}15:\d\d$/);
    await clock.pass(6000);
    expect(terminal.screen.visible[0]).to.match(/ 0 B\/s$/);
    file.done();
  });

  it('has one bar for a tree, its last path, and lines for what went wrong', async () => {
    const terminal = new Terminal(60);
    const display = open(terminal);
    const tree = display.tree();
    tree.progress({ bytes: 1_000_000, rate: 1000, files: 1 });
    tree.result(result({}));
    tree.result(result({ action: 'skipped', reason: 'exists', path: 'same' }));
    await clock.pass(100);
    expect(terminal.screen.visible).to.deep.equal(['1 file ─────────────────────       1.0 MB  1.0 kB/s', 'deep/a.txt']);
    tree.progress({ bytes: 1_000_000, total: 4_000_000, percent: 25, rate: 1000, eta: 3000, files: 1200, totalFiles: 2000 });
    tree.result(result({ action: 'failed', path: 'b', error: new Error('550 No such file') }));
    tree.result(result({ action: 'skipped', path: 'c', reason: 'symlink', bytes: 0 }));
    tree.result(result({ action: 'deleted', path: 'd', bytes: 0 }));
    await clock.pass(100);
    const [failed, skipped, bar, path] = terminal.screen.visible;
    expect([failed, skipped, path]).to.deep.equal(['failed b: 550 No such file', 'skipped c: symlink', 'd']);
    expect(bar).to.match(/^1,200\/2,000 +━━.* 25% {2}1\.0 MB {2}1\.0 kB\/s {3}50:00$/);
    tree.end();
    expect(terminal.screen.visible.slice(2)).to.deep.equal(['1 downloaded, 1 deleted, 1 unchanged, 1 skipped, 1 failed: 2', '.0 kB in 0.2 s, 10.0 kB/s']);
  });

  it('lists all of a tree where that is asked for, and what a dry run would do', async () => {
    const terminal = new Terminal(120);
    const display = open(terminal);
    const all = display.tree({ all: true });
    all.result(result({}));
    all.result(result({ action: 'skipped', reason: 'exists', path: 'same', bytes: 0 }));
    all.end();
    const dry = display.tree({ dryRun: true });
    dry.result(result({}));
    dry.result(result({ action: 'deleted', path: 'x', bytes: 0 }));
    dry.result(result({ action: 'skipped', reason: 'exists', path: 'same', bytes: 0 }));
    dry.end();
    display.tree().end();
    expect(terminal.screen.visible).to.deep.equal([
      'downloaded deep/a.txt, 1.0 kB', 'skipped same: exists', '1 downloaded, 1 unchanged: 1.0 kB in 0.0 s',
      'would download deep/a.txt, 1.0 kB', 'would delete x', 'dry run: 1 downloaded, 1 deleted, 1 unchanged: 1.0 kB', 'nothing to do',
    ]);
  });

  for (const reflow of [false, true]) {
    it(`draws anew in another size: a terminal that ${reflow ? 'breaks lines anew' : 'cuts them'}`, async () => {
      const terminal = new Terminal(120, 24, reflow);
      const display = open(terminal);
      terminal.write('$ ftplib\r\n');
      const files = NAMES.map((name) => display.file(name, 1_000_000));
      for (const [columns, rows] of [[60, 24], [40, 24], [200, 50], [120, 4], [80, 24]] as const) {
        files.forEach((file) => file.advance(50_000));
        await clock.pass(100);
        terminal.resize(columns, rows);
        await clock.pass(100);
        expect(terminal.screen.visible.filter((line) => /\d%/.test(line)), `${columns}`).to.have.length(Math.min(NAMES.length, rows - 2));
      }
      expect(terminal.screen.all[0]).to.equal('$ ftplib');
      files.forEach((file) => file.done());
      expect(terminal.screen.visible.filter((line) => /\d%/.test(line))).to.deep.equal([]);
    });
  }

  it('leaves the bars as they stand when it is closed, and the cursor below them', async () => {
    const terminal = new Terminal(60, 6);
    const display = open(terminal);
    const files = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => display.file(name, 1000));
    await clock.pass(100);
    terminal.write('^C');
    display.close();
    display.close();
    files.forEach((file) => file.done());
    expect(terminal.screen.visible).to.have.length(5);
    expect(terminal.screen.visible[0]).to.match(/^a /);
    expect([terminal.screen.isCursorVisible, terminal.screen.cursor]).to.deep.equal([true, { row: 5, column: 0 }]);
  });

  it('has no colours with NO_COLOR, and draws in ASCII where the locale is not UTF-8 or wide', async () => {
    for (const [env, unicode, color] of [
      [{ LANG: 'C.UTF-8' }, true, true], [{ LANG: 'de_DE.utf8', NO_COLOR: '1' }, true, false], [{ LC_ALL: 'C', LANG: 'C.UTF-8' }, false, true], [{ LANG: 'ja_JP.UTF-8' }, false, true], [{}, false, true],
    ] as const) {
      const terminal = new Terminal(60);
      const file = open(terminal, { env }).file('name', 10);
      file.advance(5);
      await clock.pass(100);
      file.failed('no');
      expect([terminal.writes.join('').includes('━'), terminal.writes.join('').includes('\x1b[3')], JSON.stringify(env)).to.deep.equal([unicode, color]);
    }
  });
});

describe('the display elsewhere', () => {
  let clock: ManualClock;
  let output: Terminal & { isTTY: boolean };
  beforeEach(() => {
    clock = new ManualClock();
    output = Object.assign(new Terminal(), { isTTY: false, write: (text: string) => void output.writes.push(text) });
  });
  afterEach(() => expect(clock.timers).to.equal(0));

  async function transfer(options: ProgressDisplayOptions): Promise<string> {
    const display = new ProgressDisplay({ output, json: output, clock, env: { LANG: 'C.UTF-8', TERM: 'xterm' }, ...options });
    const [quick, slow, lost] = [display.file('qu\x1bick', 10), display.file('slow', 100_000), display.file('lost')];
    quick.advance(10);
    quick.done();
    for (let i = 0; i < 25; i++) {
      slow.advance(1000);
      await clock.pass(1000);
    }
    lost.failed('550 No such file');
    display.line('one\ntwo\r');
    slow.done();
    const tree = display.tree();
    tree.progress({ bytes: 10, total: 20, percent: 50, rate: 1, eta: 10, files: 1, totalFiles: 2 });
    tree.result(result({}));
    tree.result(result({ action: 'skipped', reason: 'exists' }));
    tree.result(result({ action: 'failed', path: '', error: new Error('no') }));
    await clock.pass(10_000);
    tree.end();
    display.close();
    return output.writes.join('');
  }

  const LINES = [
    'qu\\x1bick: 10 B in 0.0 s',
    'slow: 10%, 10.0 kB of 100 kB, 1.0 kB/s, 01:30 left', 'lost: 0 B, 0 B/s',
    'slow: 20%, 20.0 kB of 100 kB, 1.0 kB/s, 01:20 left', 'lost: 0 B, 0 B/s',
    'lost: 550 No such file', 'one', 'two\\r', 'slow: 25.0 kB in 00:25, 1.0 kB/s',
    'downloaded deep/a.txt, 1.0 kB', 'failed .: no', '1 of 2 files: 50%, 10 B of 20 B, 1 B/s, 00:10 left', '1 downloaded, 1 unchanged, 1 failed: 2.0 kB in 00:10, 200 B/s', '',
  ];

  it('has a line for each file, and one each ten seconds for those that take longer', async () => {
    const lines = (await transfer({})).split('\n');
    expect(lines).to.deep.equal(LINES);
  });

  it('has the same on a terminal that is dumb, and where lines are asked for', async () => {
    output.isTTY = true;
    expect((await transfer({ env: { TERM: 'dumb' } })).split('\n')).to.deep.equal(LINES);
    output.writes.length = 0;
    expect((await transfer({ mode: 'lines' })).split('\n')).to.deep.equal(LINES);
  });

  it('has lines of JSON for programs', async () => {
    const lines = (await transfer({ mode: 'json' })).trim().split('\n').map((line) => JSON.parse(line) as { event: string; name?: string });
    expect(lines[0]).to.deep.equal({ event: 'done', name: 'qu\x1bick', bytes: 10, seconds: 0 });
    expect(lines[1]).to.deep.equal({ event: 'progress', name: 'slow', bytes: 1000, total: 100_000, rate: 1000, eta: 99 });
    expect(lines.filter(({ event, name }) => event === 'progress' && name === 'slow')).to.have.length(25);
    expect(lines.slice(51, 55)).to.deep.equal([
      { event: 'failed', name: 'lost', bytes: 0, error: '550 No such file' }, { event: 'message', text: 'one\ntwo\r' }, { event: 'done', name: 'slow', bytes: 25_000, seconds: 25 },
      { event: 'result', action: 'downloaded', type: 'file', path: 'deep/a.txt', bytes: 1000, ms: 5 },
    ]);
    expect(lines[57]).to.deep.equal({ event: 'progress', files: 1, totalFiles: 2, bytes: 10, total: 20, rate: 1, eta: 10 });
    expect(lines.at(-1)).to.deep.equal({ event: 'end', downloaded: 1, unchanged: 1, failed: 1, bytes: 2000, seconds: 10 });
  });

  it('has nothing where that is asked for', async () => {
    output.isTTY = true;
    expect(await transfer({ mode: 'quiet' })).to.equal('');
  });

  it('names the reason and the error of a result', () => {
    expect(describeResult(result({ action: 'skipped', reason: 'in doubt', path: 'a\nb', error: new Error('no\x07') }))).to.equal('skipped a\\nb: in doubt: no\\x07');
    expect(describeResult(result({ action: 'swapped', path: '' }), true)).to.equal('would swap .');
  });
});

/** Begins three files and goes on forever, or as `END` says. */
const PROGRAM = `require('ts-node/register');
  const { ProgressDisplay } = require(${JSON.stringify(join(__dirname, '..', '..', 'lib', 'cli', 'progress-display'))});
  const display = new ProgressDisplay();
  const files = ['first', 'second', 'third'].map((name) => display.file(name, 1000000));
  setInterval(() => files.forEach((file) => file.advance(100)), 10);`;

describe('the display in a pseudo terminal', function () {
  this.timeout(30_000);
  let terminal: PseudoTerminal;
  before(function () {
    if (!hasPseudoTerminal()) this.skip();
  });
  afterEach(() => terminal.close());

  for (const [what, end, code] of [
    ['Ctrl-C', '', 130],
    ['Ctrl-C, heard by the program', 'process.on("SIGINT", () => { display.close(); process.exit(130); })', 130],
    ['Ctrl-C, and a program that exits without closing', 'process.on("SIGINT", () => process.exit(7))', 7],
    ['SIGTERM', 'process.stdin.once("data", () => process.kill(process.pid, "SIGTERM"))', 143],
    ['an exception', 'process.stdin.once("data", () => { throw new Error("unforeseen") })', 1],
    ['process.exit', 'process.stdin.once("data", () => process.exit(3))', 3],
  ] as const) {
    it(`leaves the cursor visible, below whole bars, after ${what}`, async () => {
      run(`${PROGRAM} ${end}`);
      await bars();
      expect(terminal.screen.isCursorVisible).to.equal(false);
      terminal.type(what.startsWith('Ctrl-C') ? '\x03' : '\n');
      expect(await terminal.exited).to.equal(code);
      expect(terminal.screen.isCursorVisible).to.equal(true);
      const lines = terminal.screen.all;
      const first = lines.findLastIndex((line) => line.startsWith('first '));
      expect(lines.slice(first, first + 3).map((line) => /^(\w+) +━*╸?─+ +\d+% +\S+ \w+ of 1\.0 MB /.exec(line)?.[1])).to.deep.equal(['first', 'second', 'third']);
      if (what === 'an exception') expect(lines.slice(first + 3).join('\n')).to.include('Error: unforeseen');
      else expect(lines.slice(first + 3)).to.deep.equal([]);
    });
  }

  for (const columns of [40, 60, 120, 200]) {
    it(`stays in its lines, and leaves what was done: ${columns} columns`, async () => {
      run(`${PROGRAM} setTimeout(() => { files.forEach((file) => file.done()); process.exit(); }, 500)`, columns);
      await bars();
      expect(await terminal.exited).to.equal(0);
      const { all, overlong, isCursorVisible } = terminal.screen;
      expect([overlong, isCursorVisible]).to.deep.equal([0, true]);
      expect(all.map((line) => /^(\w+) {2,}\S+ kB in \d\.\d s, \S+ kB\/s$/.exec(line)?.[1])).to.deep.equal(['first', 'second', 'third']);
    });
  }

  it('gives the terminal to the shell by Ctrl-Z, and goes on after it', async () => {
    terminal = new PseudoTerminal(['bash', '-c', 'set -m; node -e "$PROGRAM"; echo stopped; fg >/dev/null'], { columns: 120, cwd: ROOT, env: { PROGRAM } });
    await bars();
    terminal.type('\x1a');
    await terminal.untilShown('stopped');
    await terminal.until(({ all, isCursorVisible }) => !isCursorVisible && all.findLastIndex((line) => line.startsWith('third')) > all.indexOf('stopped'));
    terminal.type('\x03');
    await terminal.exited;
    expect(terminal.screen.isCursorVisible).to.equal(true);
  });

  it('follows the size of the terminal', async () => {
    run(PROGRAM);
    await bars();
    terminal.resize(60, 24);
    await terminal.until(({ all }) => all.filter((line) => /^(first|second|third) .*\d%/.test(line) && line.length < 60).length === 3);
    terminal.resize(40, 3);
    await terminal.until(({ visible }) => visible.some((line) => line === 'and 2 more'));
    terminal.type('\x03');
    await terminal.exited;
    expect(terminal.screen.overlong).to.equal(0);
  });

  function run(program: string, columns = 120): void {
    terminal = new PseudoTerminal([process.execPath, '-e', program], { columns, cwd: ROOT });
  }

  function bars(): Promise<void> {
    return terminal.until(({ all }) => ['first', 'second', 'third'].every((name) => all.some((line) => line.startsWith(name) && line.includes('%'))));
  }
});

const ROOT = join(__dirname, '..', '..');
