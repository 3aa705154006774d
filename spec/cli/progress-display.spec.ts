import { expect } from 'chai';
import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import type { Progress } from '../../lib/bulk/progress';
import { describeResult, ProgressDisplay, type ProgressDisplayOptions } from '../../lib/cli/progress-display';
import type { TreeResult } from '../../lib/bulk/tree-options';
import { ManualClock } from '../support/manual-clock';
import { hasPseudoTerminal, PseudoTerminal, Screen } from '../support/pseudo-terminal';

const NAMES = ['a.iso', 'a-rather-long-name-of-a-disk-image-in-a-folder-2026-11-29.tar.gz', '日本語のとても長いファイル名前です.txt', '👩\u200d👩\u200d👧👩\u200d👩\u200d👧👍🏽🇩🇪.jpg', 'e\u0301\u0301e\u0301'];

/** A report of the library. */
function report(bytes: number, total?: number, rest: Partial<Progress> = {}): Progress {
  const rate = rest.rate ?? 1000;
  return { bytes, rate, ...(total === undefined ? {} : { total }), ...(total === undefined || rate === 0 ? {} : { eta: (total - bytes) / rate }), ...rest };
}

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
      for (let step = 1; step <= 10; step++) {
        files.forEach((file, i) => file.progress(report(step * 100_000 * 10 ** i, i === 1 ? undefined : 1_000_000 * 10 ** i)));
        await clock.pass(970);
        expect(terminal.screen.isCursorVisible).to.equal(false);
        expect(terminal.screen.visible).to.have.length(1 + NAMES.length);
      }
      files.forEach((file, i) => file.done(1_000_000 * 10 ** i));
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
    for (let step = 3; step < 8; step++) {
      file.progress(report(step * 100, 1000));
      await clock.pass(300);
      expect(terminal.screen.visible).to.have.length(1);
    }
    expect(terminal.screen.overlong).to.be.above(0);
    file.done(1000);
  });

  it('draws at most ten times a second, in one write each, and only what has changed', async () => {
    const terminal = new Terminal();
    const display = open(terminal);
    const [first, second] = [display.file('first', 100_000), display.file('second', 100_000)];
    await clock.pass(300);
    expect(terminal.writes).to.have.length(1);
    for (let i = 1; i <= 1000; i++) {
      first.progress(report(i * 10, 100_000));
      await clock.pass(1);
    }
    expect(terminal.writes).to.have.length(11);
    const [, ...later] = terminal.writes;
    for (const write of later) expect(write).to.include('first').and.not.include('second').and.not.include('\n');
    await clock.pass(60_000);
    expect(terminal.writes).to.have.length(11);
    second.done(100_000);
    first.done(100_000);
  });

  it('shows lines that change together all at once', async () => {
    const terminal = new Terminal();
    const display = open(terminal);
    const files = [display.file('first', 100), display.file('second', 100)];
    await clock.pass(300);
    files.forEach((file) => file.progress(report(50, 100)));
    await clock.pass(100);
    expect(terminal.writes).to.have.length(2);
    for (const write of terminal.writes) expect(write).to.match(/^\x1b\[\?2026h[^]*\x1b\[\?2026l$/);
    expect(terminal.screen.isHeld).to.equal(false);
    files.forEach((file) => file.done(100));
    expect(terminal.screen.isHeld).to.equal(false);
  });

  it('shows no bar of a file that is done soon, and that of another within a third of a second', async () => {
    const terminal = new Terminal();
    const display = open(terminal);
    display.file('empty').done(0);
    expect(terminal.writes.join('')).to.equal('\x1b[?2026hempty  0 B in 0.0 s\r\n\x1b[?2026l');
    for (const name of ['a', 'b']) {
      const quick = display.file(name, 5);
      quick.progress(report(1, 5));
      await clock.pass(200);
      quick.done(5);
    }
    expect(terminal.writes.join('')).to.not.include('%');
    const slow = display.file('slow', 5);
    slow.progress(report(1, 5));
    await clock.pass(300);
    expect(terminal.screen.visible.at(-1)).to.match(/^slow .* 20% /);
    slow.done(5);
    display.close();
  });

  it('lets rate and time left stand for half a second, so that they can be read', async () => {
    const terminal = new Terminal(60);
    const file = open(terminal).file('name', 10_000);
    const seen = new Set<string>();
    for (let i = 1; i <= 20; i++) {
      file.progress(report(i * 100, i < 3 ? undefined : 10_000, { rate: 1000 + i * 100 }));
      await clock.pass(100);
      seen.add(/[\d.]+ kB\/s.*$/.exec(terminal.screen.visible[0] ?? '')?.[0] ?? '');
    }
    expect([...seen]).to.deep.equal(['', '1.3 kB/s   00:07', '1.8 kB/s   00:05', '2.3 kB/s   00:04', '2.8 kB/s   00:03']);
    file.done(10_000);
  });

  it('prints lines above the bars, of any length', async () => {
    const terminal = new Terminal(40);
    const display = open(terminal);
    const file = display.file('name', 1000);
    await clock.pass(300);
    display.line(`${'x'.repeat(80)}\n\x1b]0;title\x07`);
    display.line('y'.repeat(41));
    file.progress(report(500, 1000, { rate: 2500 }));
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
    file.progress(report(9000, 10_000, { rate: 500 }));
    await clock.pass(2000);
    expect(terminal.screen.visible[0]).to.match(/^name ━+.* 90% {2}9\.0 kB {3}500 B\/s {3}00:02$/);
    file.done(2000, 8000);
    expect(terminal.screen.visible).to.deep.equal(['name  2.0 kB of 10.0 kB in 4.0 s, 500 B/s']);
    display.file('whole').done(0, 10_000);
    expect(terminal.screen.visible[1]).to.equal('whole  0 B of 10.0 kB in 0.0 s');
  });

  it('keeps the figures after a name that is written from right to left, when it is done, too', () => {
    const terminal = new Terminal(60);
    open(terminal).file('שלום\u202e.bin').done(6_000_000);
    expect(terminal.writes.join('')).to.include('\u200eשלום\\u202e.bin\u200e  6.0 MB in 0.0 s');
  });

  it('keeps the name of what was done on a narrow terminal', () => {
    for (const [columns, line] of [[40, 'debian-12.iso  6.0 MB in 0.0 s'], [20, 'debia…2.iso  6.0 MB'], [12, 'debia…2.iso'], [8, 'deb…iso']] as const) {
      const terminal = new Terminal(columns);
      open(terminal).file('debian-12.iso').done(6_000_000);
      expect(terminal.screen.visible, String(columns)).to.deep.equal([line]);
    }
  });

  it('has a bar for a tree, bars for its files that take longer, and lines for what went wrong', async () => {
    const terminal = new Terminal(60);
    const display = open(terminal);
    const tree = display.tree();
    await clock.pass(300);
    expect(terminal.screen.visible).to.deep.equal(['comparing']);
    tree.result(result({ action: 'skipped', reason: 'exists', path: 'same' }));
    await clock.pass(100);
    expect(terminal.screen.visible).to.deep.equal(['1 unchanged']);
    const first = { path: 'deep/disk.img', bytes: 500_000, total: 2_000_000 };
    tree.progress(report(1_000_000, undefined, { files: 1, current: [first] }));
    tree.result(result({}));
    await clock.pass(100);
    expect(terminal.screen.visible).to.deep.equal(['1 file         ──━━━────────       1.0 MB  1.0 kB/s']);
    await clock.pass(900);
    tree.progress(report(1_000_000, 4_000_000, { files: 1200, totalFiles: 2000, current: [first, { path: 'quick', bytes: 0 }] }));
    tree.result(result({ action: 'failed', path: 'b', error: new Error('550 No such file') }));
    tree.result(result({ action: 'skipped', path: 'c', reason: 'symlink', bytes: 0 }));
    tree.result(result({ action: 'deleted', path: 'd', bytes: 0 }));
    await clock.pass(100);
    expect(terminal.screen.visible).to.deep.equal([
      'failed b: 550 No such file', 'skipped c: symlink',
      '1,200/2,000    ━━━──────────  25%  1.0 MB  1.0 kB/s   50:00',
      '  disk.img     ━━━──────────  25%  500 kB',
    ]);
    tree.progress(report(3_000_000, 4_000_000, { files: 1999, totalFiles: 2000, current: [] }));
    await clock.pass(100);
    expect(terminal.screen.visible).to.have.length(3);
    tree.end();
    expect(terminal.screen.visible.slice(2)).to.deep.equal(['1 downloaded, 1 deleted, 1 unchanged, 1 skipped, 1 failed', '2.0 kB in 1.6 s, 1.3 kB/s']);
  });

  it('lists what a dry run would do', () => {
    const terminal = new Terminal(120);
    const display = open(terminal);
    const dry = display.tree({ dryRun: true });
    dry.result(result({}));
    dry.result(result({ action: 'deleted', path: 'x', bytes: 0 }));
    dry.result(result({ action: 'skipped', reason: 'exists', path: 'same', bytes: 0 }));
    dry.end();
    display.tree().end();
    expect(terminal.screen.visible).to.deep.equal([
      'would download deep/a.txt, 1.0 kB', 'would delete x', 'dry run: 1 downloaded, 1 deleted, 1 unchanged: 1.0 kB', 'nothing to do',
    ]);
  });

  for (const reflow of [false, true]) {
    it(`draws anew in another size: a terminal that ${reflow ? 'breaks lines anew' : 'cuts them'}`, async () => {
      const terminal = new Terminal(120, 24, reflow);
      const display = open(terminal);
      terminal.write('$ ftplib\r\n');
      const files = NAMES.map((name) => display.file(name, 1_000_000));
      await clock.pass(200);
      for (const [columns, rows] of [[60, 24], [40, 24], [20, 24], [200, 50], [120, 4], [80, 24]] as const) {
        files.forEach((file) => file.progress(report(columns * 1000, 1_000_000)));
        await clock.pass(100);
        terminal.resize(columns, rows);
        await clock.pass(100);
        expect(terminal.screen.visible.filter((line) => /\d%/.test(line)), `${columns}`).to.have.length(Math.min(NAMES.length, rows - 2));
      }
      expect(terminal.screen.all[0]).to.equal('$ ftplib');
      files.forEach((file) => file.done(1_000_000));
      // Nothing is left of the bars, neither on the screen nor above it.
      expect(terminal.screen.all.filter((line) => /%|━|─|more/.test(line))).to.deep.equal([]);
    });
  }

  it('leaves the bars as they stand when it is closed, and the cursor below them', async () => {
    const terminal = new Terminal(60, 6);
    const display = open(terminal);
    const files = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => display.file(name, 1000));
    await clock.pass(300);
    terminal.write('^C');
    display.close();
    display.close();
    files.forEach((file) => file.done(1000));
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
      file.progress(report(5, 10));
      await clock.pass(300);
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
    quick.done(10);
    for (let i = 1; i <= 25; i++) {
      slow.progress(report(i * 1000, 100_000));
      await clock.pass(1000);
    }
    lost.failed('550 No such file');
    display.line('one\ntwo\r');
    slow.done(25_000);
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
    'slow: 10%, 10.0 kB of 100 kB, 1.0 kB/s, 01:30 left', 'lost: no bytes yet',
    'slow: 20%, 20.0 kB of 100 kB, 1.0 kB/s, 01:20 left', 'lost: no bytes yet',
    'lost: 550 No such file', 'one', 'two\\r', 'slow: 25.0 kB in 00:25, 1.0 kB/s',
    'downloaded deep/a.txt, 1.0 kB', 'failed .: no', '1 of 2 files: 50%, 10 B of 20 B, 1 B/s, 00:10 left', '1 downloaded, 1 unchanged, 1 failed: 2.0 kB in 00:10, 200 B/s', '',
  ];

  it('has a line for each file, and one each ten seconds for those that take longer', async () => {
    const lines = (await transfer({})).split('\n');
    expect(lines).to.deep.equal(LINES);
  });

  it('has the same on a terminal that is dumb', async () => {
    output.isTTY = true;
    expect((await transfer({ env: { TERM: 'dumb' } })).split('\n')).to.deep.equal(LINES);
  });

  it('has a line each ten seconds for a minute, and then one each minute', async () => {
    const display = new ProgressDisplay({ output, clock });
    const file = display.file('long', 36_000);
    for (let second = 1; second <= 600; second++) {
      file.progress(report(second * 10, 36_000, { rate: 10 }));
      await clock.pass(1000);
    }
    file.done(36_000);
    const lines = output.writes.join('').split('\n');
    expect(lines).to.have.length(6 + 9 + 2);
    expect(lines.slice(5, 8)).to.deep.equal([
      'long: 1%, 600 B of 36.0 kB, 10 B/s, 59:00 left', 'long: 3%, 1.2 kB of 36.0 kB, 10 B/s, 58:00 left', 'long: 5%, 1.8 kB of 36.0 kB, 10 B/s, 57:00 left',
    ]);
  });

  it('has nothing but the list of a dry run', async () => {
    const display = new ProgressDisplay({ output, clock });
    const tree = display.tree({ dryRun: true });
    await clock.pass(60_000);
    tree.result(result({}));
    tree.end();
    expect(output.writes.join('')).to.equal('would download deep/a.txt, 1.0 kB\ndry run: 1 downloaded: 1.0 kB\n');
  });

  it('says what a part of a tree is, and what stands still', async () => {
    const display = new ProgressDisplay({ output, clock });
    const [tree, file] = [display.tree(), display.file('still', 100)];
    tree.result(result({ action: 'skipped', reason: 'exists' }));
    file.progress(report(50, 100, { rate: 0 }));
    await clock.pass(10_000);
    tree.end();
    file.failed('no');
    expect(output.writes.join('')).to.equal('1 unchanged: no bytes yet\nstill: 50%, 50 B of 100 B, stalled\n1 unchanged\nstill: no\n');
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
  let bytes = 0;
  setInterval(() => files.forEach((file) => file.progress({ bytes: (bytes += 100), total: 1000000, rate: 1000, eta: 99 })), 10);`;

describe('the display in a pseudo terminal', () => {
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
      run(`${PROGRAM} setTimeout(() => { files.forEach((file) => file.done(bytes)); process.exit(); }, 700)`, columns);
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
