import { expect } from 'chai';
import { CandidateLog } from '../../lib/bulk/tree-compare';
import { Budget, MAX_PENDING_BYTES, TreeLog, TreeTable } from '../../lib/bulk/tree-memory';
import { LimitError } from '../../lib/index';
import { describeSeed, random } from '../support/seed';

const NAMES = ['', 'a', '.dot', 'größe', '日本.txt', 'with\nnewline', '"quoted"', '\ud800 alone', '[', ']', 'x'.repeat(70_000)];

describe('what a tree remembers', () => {
  it('comes out of a log in order, whatever it is', () => {
    const log = new TreeLog<[string, number | null]>(new Budget(10_000_000));
    for (const [index, name] of NAMES.entries()) log.push([name, index % 2 ? index : null]);
    expect(NAMES.map(() => log.shift())).to.deep.equal(NAMES.map((name, index) => [name, index % 2 ? index : null]));
    expect(log.shift()).to.equal(undefined);
    expect(log.size).to.equal(0);
  });

  it('goes into a log and out of it in any order, and gives its memory back', () => {
    const { seed, int } = random(7);
    const budget = new Budget(1_000_000);
    const log = new TreeLog<[string, number]>(budget);
    let [pushed, shifted] = [0, 0];
    for (let turn = 0; turn < 20_000; turn++) {
      if (int(100) < (turn < 10_000 ? 55 : 40)) log.push(['x'.repeat(int(40)), pushed++]);
      else {
        const record = log.shift();
        expect(record?.[1], describeSeed(seed)).to.equal(shifted < pushed ? shifted : undefined);
        if (record) shifted++;
      }
      expect(log.size, describeSeed(seed)).to.equal(pushed - shifted);
    }
    log.clear();
    budget.take(1_000_000);
  });

  it('is found in a table by its name, with the facts that came first', () => {
    const table = new TreeTable<[number]>(new Budget(50_000_000));
    for (let i = 0; i < 20_000; i++) table.add(`name-${i}`, i);
    table.add('name-5', 99);
    expect(table.size).to.equal(20_000);
    for (let i = 0; i < 20_000; i++) if (table.get(`name-${i}`)?.[0] !== i) expect.fail(`name-${i}`);
    expect(table.get('name-20000')).to.equal(undefined);
    for (const name of NAMES.slice(0, 7)) table.add(name, 1);
    for (const name of NAMES.slice(0, 7)) expect(table.has(name), JSON.stringify(name)).to.equal(true);
  });

  it('is told in order where it was not marked', () => {
    const table = new TreeTable<[number]>(new Budget(1_000_000));
    for (const [index, name] of ['c', 'a', 'b', 'd'].entries()) table.add(name, index);
    table.mark('a');
    table.mark('missing');
    expect([...table.unmarked()]).to.deep.equal([['c', [0]], ['b', [2]], ['d', [3]]]);
    expect([...table.names()]).to.deep.equal([['c', false], ['a', true], ['b', false], ['d', false]]);
    expect(['a', 'b', 'missing'].map((name) => table.isMarked(name))).to.deep.equal([true, false, false]);
    table.clear();
    expect(table.get('c')).to.equal(undefined);
    expect([...table.unmarked()]).to.deep.equal([]);
  });

  it('comes out of a table in order, whatever its length, and gives its memory back', () => {
    const { seed, int } = random(8);
    const budget = new Budget(20_000_000);
    const table = new TreeTable<[number] | []>(budget);
    const names = new Map<string, [number] | []>();
    for (let i = 0; i < 5000; i++) {
      const length = int(10) > 0 ? int(60) : int(500) > 0 ? int(3000) : 70_000;
      const name = `${'x'.repeat(length)}${int(4000)}`;
      const facts: [number] | [] = i % 2 ? [i] : [];
      if (!names.has(name)) names.set(name, facts);
      table.add(name, ...facts);
    }
    expect([...table.unmarked()].every(([name, facts], index) => [...names][index]?.[0] === name && facts[0] === names.get(name)?.[0]), describeSeed(seed)).to.equal(true);
    expect(table.size, describeSeed(seed)).to.equal(names.size);
    for (const [name, facts] of names) if (table.get(name)?.[0] !== facts[0] || !table.has(name)) expect.fail(`${describeSeed(seed)}: ${name.slice(-20)}`);
    table.clear();
    budget.take(20_000_000);
  });

  it('is a million names, twice, in what a tree may remember by default', () => {
    const budget = new Budget(MAX_PENDING_BYTES / 10);
    const table = new TreeTable<[]>(budget);
    const candidates = new CandidateLog(budget);
    const remote = { type: 'file', size: 123_456, time: 1_582_979_696_000, unit: 1000, exact: false } as const;
    for (let i = 0; i < 100_000; i++) {
      const name = `entry-with-a-name-of-some-length-0${i}`;
      table.add(name);
      candidates.add({ name, remote, doubt: undefined, replaces: false });
    }
    expect([table.size, candidates.size]).to.deep.equal([100_000, 100_000]);
  });

  it('is not counted where there was no room for it', () => {
    const budget = new Budget(100_000);
    const log = new TreeLog<[string]>(budget);
    log.push(['a']);
    for (let tries = 0; tries < 3; tries++) expect(() => log.push(['x'.repeat(100_000)])).to.throw(LimitError);
    log.clear();
    budget.take(100_000);
  });

  it('is a LimitError when it is too much', () => {
    const fill = (add: (index: number) => void): void => {
      for (let i = 0; i < 10_000; i++) add(i);
    };
    const log = new TreeLog<[string]>(new Budget(100_000));
    expect(() => fill((i) => log.push([`a name of some length ${i}`]))).to.throw(LimitError, 'maxPendingBytes');
    const table = new TreeTable<[]>(new Budget(100_000));
    expect(() => fill((i) => table.add(`a name of some length ${i}`))).to.throw(LimitError, 'maxPendingBytes');
  });
});
