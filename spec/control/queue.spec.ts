import { expect } from 'chai';
import type { Session } from '../../lib/control/session';
import { Queue, type Place } from '../../lib/control/queue';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const session = {} as Session;

/** Turns for so many at a time. */
class Some extends Queue {
  readonly idle = true;
  readonly pooled = true;
  readonly blocking = [];
  running = 0;

  constructor(readonly most: number) {
    super();
  }

  contended(): boolean {
    return this.waitingCount > 0;
  }

  addPipe(): boolean {
    return true;
  }

  released(): void {
    this.running -= 1;
    this.serveSoon();
  }

  protected serve(): void {
    while (this.first && this.running < this.most) {
      this.running += 1;
      this.first.run(session);
    }
  }
}

describe('Queue', () => {
  /** What ran and what was said, in order; a place holds its turn until `release[name]()`. */
  function recorder(most: number): { queue: Some; said: string[]; release: Record<string, () => void>; enter: (name: string, rests?: boolean) => Place } {
    const queue = new Some(most);
    const said: string[] = [];
    const release: Record<string, () => void> = {};
    const enter = (name: string, rests = false): Place =>
      queue.enter(
        (done, given) => {
          expect(given).to.equal(session);
          said.push(name);
          release[name] = done;
        },
        { name, onDropped: (error) => said.push(`${name}: ${error.message}`), ...(rests ? { onRefused: (error) => void said.push(`${name} rests: ${error.message}`) } : {}) },
      );
    return { queue, said, release, enter };
  }

  it('are had by several at a time, in the order of the calls', async () => {
    const { said, release, enter } = recorder(2);
    for (const place of [enter('a'), enter('b'), enter('c')].reverse()) place.ready();
    await turn();
    expect(said).to.deep.equal(['a', 'b']);
    release['b']?.();
    await turn();
    expect(said).to.deep.equal(['a', 'b', 'c']);
  });

  it('come first for the urgent, whenever others were called', async () => {
    const { said, enter } = recorder(3);
    const [a, b, c] = [enter('a'), enter('b'), enter('c')];
    c.urgent = true;
    b.ready();
    c.ready();
    a.ready();
    await turn();
    expect(said).to.deep.equal(['c', 'a', 'b']);
  });

  it('may come again, where the place was taken', async () => {
    const { said, release, enter } = recorder(1);
    const [a, b] = [enter('a'), enter('b')];
    a.ready();
    b.ready();
    await turn();
    const first = release['a'];
    first?.();
    a.again();
    first?.();
    await turn();
    expect(said).to.deep.equal(['a', 'a']);
    expect([a.state, b.state]).to.deep.equal(['running', 'ready']);
  });

  it('that cannot be had drop the place, or let it rest until it is ready once more', async () => {
    const { queue, said, enter } = recorder(1);
    const [a, b] = [enter('a'), enter('b', true)];
    a.ready();
    b.ready();
    for (const place of [a, b]) place.refuse(new Error('none'));
    expect(said).to.deep.equal(['a: none', 'b rests: none']);
    expect([a.state, b.state, queue.contended()]).to.deep.equal(['done', 'idle', false]);
    b.ready();
    await turn();
    expect(said.at(-1)).to.equal('b');
  });

  it('a place that rests is dropped with the others', () => {
    const { queue, said, enter } = recorder(1);
    const place = enter('a', true);
    place.ready();
    place.refuse(new Error('none'));
    queue.drop(() => new Error('closed'));
    expect(said).to.deep.equal(['a rests: none', 'a: closed']);
  });
});
