import { expect } from 'chai';
import { type PlaceOptions, ClientQueue } from '../../lib/control/queue';
import type { Session } from '../../lib/control/session';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('ClientQueue', () => {
  /** A queue and what ran in it, in order; a place holds its turn until `release[name]()`. */
  function recorder(): { queue: ClientQueue; ran: string[]; release: Record<string, () => void>; enter: (name: string, hold?: boolean, options?: PlaceOptions) => ReturnType<ClientQueue['enter']> } {
    const queue = new ClientQueue({} as Session);
    const ran: string[] = [];
    const release: Record<string, () => void> = {};
    const enter = (name: string, hold = false, options: PlaceOptions = {}): ReturnType<ClientQueue['enter']> =>
      queue.enter(
        (done) => {
          ran.push(name);
          if (hold) release[name] = done;
          else done();
        },
        { name, onDropped: (error) => ran.push(`${name}: ${error.message}`), onContended: () => ran.push(`${name} contended`) },
        options,
      );
    return { queue, ran, release, enter };
  }

  it('runs ready places in the order they were taken, not in the order they became ready', async () => {
    const { ran, enter } = recorder();
    const [a, b, c] = [enter('a'), enter('b'), enter('c')];
    c.ready();
    a.ready();
    b.ready();
    await turn();
    expect(ran).to.deep.equal(['a', 'b', 'c']);
  });

  it('a place that is not used holds nobody up, and runs when it is', async () => {
    const { ran, enter } = recorder();
    const unread = enter('unread');
    enter('next').ready();
    await turn();
    expect(ran).to.deep.equal(['next']);
    unread.ready();
    await turn();
    expect(ran).to.deep.equal(['next', 'unread']);
  });

  it('a stream that is being piped in this turn is not overtaken by a command called after it', async () => {
    const { ran, enter } = recorder();
    const piped = enter('piped');
    enter('quit').ready();
    process.nextTick(() => piped.ready());
    await turn();
    expect(ran).to.deep.equal(['piped', 'quit']);
  });

  it('one turn at a time', async () => {
    const { ran, release, enter } = recorder();
    enter('a', true).ready();
    enter('b').ready();
    await turn();
    expect(ran).to.deep.equal(['a', 'a contended']);
    release['a']?.();
    await turn();
    expect(ran.at(-1)).to.equal('b');
  });

  it('tells the place that has the turn when somebody begins to wait for its turn', async () => {
    const { ran, enter } = recorder();
    enter('a', true).ready();
    await turn();
    enter('b').ready();
    await turn();
    expect(ran).to.deep.equal(['a', 'a contended']);
  });

  it('a second release does not end the turn of another', async () => {
    const { ran, release, enter } = recorder();
    enter('a', true).ready();
    enter('b', true).ready();
    enter('c').ready();
    await turn();
    release['a']?.();
    release['a']?.();
    await turn();
    release['a']?.();
    await turn();
    expect(ran.filter((name) => name.length === 1)).to.deep.equal(['a', 'b']);
  });

  it('a place that is left does not run; one that runs cannot be left', async () => {
    const { ran, queue, enter } = recorder();
    const [a, b] = [enter('a'), enter('b', true)];
    a.ready();
    b.ready();
    expect(a.leave()).to.equal(true);
    await turn();
    expect(b.leave()).to.equal(false);
    expect(ran).to.deep.equal(['b']);
    expect(queue.contended()).to.equal(false);
  });

  it('close tells every place whose turn has not come, and each that is used after it', async () => {
    const { ran, queue, enter } = recorder();
    const unused = enter('unused', false, { unused: true });
    enter('ready').ready();
    const late = enter('late');
    queue.close(() => new Error('gone'));
    expect(ran).to.deep.equal(['ready: gone', 'unused: gone']);
    late.ready();
    enter('later').ready();
    await turn();
    expect(ran.slice(2)).to.deep.equal(['late: gone', 'later: gone']);
    expect(unused.state).to.equal('done');
    queue.open();
    enter('anew').ready();
    await turn();
    expect(ran.slice(4)).to.deep.equal(['anew']);
  });

  it('ten thousand places become ready in any order without the search growing', async () => {
    const { ran, enter } = recorder();
    const places = Array.from({ length: 10_000 }, (_, index) => enter(String(index)));
    for (const place of places) place.ready();
    await turn();
    expect(ran).to.deep.equal(places.map((_, index) => String(index)));
  });
});
