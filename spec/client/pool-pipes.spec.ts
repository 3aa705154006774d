import { expect } from 'chai';
import { Pipes } from '../../lib/client/pool-queue';
import { type Place, ClientQueue } from '../../lib/control/queue';
import type { Session } from '../../lib/control/session';

type State = 'waiting' | 'running' | 'paused' | 'over';

/** A place in that state. */
function place(state: State): Place {
  const made = new ClientQueue({} as Session).enter((release) => void (state === 'over' && release()), { name: 'x', onDropped: () => undefined });
  made.ready();
  if (state !== 'waiting') made.run({} as Session);
  if (state === 'paused') made.pause(true);
  return made;
}

describe('downloads piped into uploads', () => {
  it('are as many as can run at a time', () => {
    const pipes = new Pipes();
    const download = place('waiting');
    expect(pipes.add(download, place('waiting'), 1)).to.equal(false);
    expect(pipes.add(download, place('waiting'), 2)).to.equal(true);
    expect(pipes.add(download, place('waiting'), 2)).to.equal(false);
  });

  it('one after the other into the same upload are any number', () => {
    const pipes = new Pipes();
    const upload = place('running');
    for (let count = 0; count < 5; count++) expect(pipes.add(place('waiting'), upload, 2)).to.equal(true);
  });

  it('know each other', () => {
    const pipes = new Pipes();
    const [download, upload] = [place('running'), place('waiting')];
    pipes.add(download, upload, 2);
    expect(pipes.otherEnds(download)).to.deep.equal([upload]);
    expect(pipes.otherEnds(upload)).to.deep.equal([download]);
    expect(pipes.otherEnds(place('running'))).to.deep.equal([]);
  });

  const cases: readonly (readonly [what: string, download: State, upload: State, other: State | undefined, deadlocked: boolean])[] = [
    ['a download that goes on has no deadlock', 'running', 'waiting', undefined, false],
    ['a download that has paused and whose upload waits', 'paused', 'waiting', undefined, true],
    ['a download that has paused for its own upload', 'paused', 'running', undefined, false],
    ['an upload whose download waits', 'waiting', 'running', undefined, true],
    ['an upload whose download is over', 'over', 'running', undefined, false],
    ['another that goes on', 'paused', 'waiting', 'running', false],
  ];
  for (const [what, download, upload, other, deadlocked] of cases) {
    it(`deadlocked: ${what}`, () => {
      const pipes = new Pipes();
      const [source, target] = [place(download), place(upload)];
      pipes.add(source, target, 2);
      const running = [source, target, ...(other ? [place(other)] : [])].filter((each) => each.state === 'running');
      expect(pipes.deadlocked(running)).to.equal(deadlocked ? target : undefined);
    });
  }

  it('deadlocked: a download into two uploads of which one waits', () => {
    const pipes = new Pipes();
    const [source, one, two] = [place('paused'), place('running'), place('waiting')];
    pipes.add(source, one, 3);
    pipes.add(source, two, 3);
    expect(pipes.deadlocked([source, one])).to.equal(two);
  });

  it('nobody is deadlocked where nobody runs', () => {
    expect(new Pipes().deadlocked([])).to.equal(undefined);
  });
});
