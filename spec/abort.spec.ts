import { expect } from 'chai';
import { whenAborted } from '../lib/abort';

describe('whenAborted()', () => {
  it('calls back all that wait, also where others listen to the signal before', () => {
    const controller = new AbortController();
    const called: string[] = [];
    controller.signal.addEventListener('abort', () => void called.push('theirs'));
    whenAborted(controller.signal, () => void called.push('one'));
    const stop = whenAborted(controller.signal, () => void called.push('ended'));
    whenAborted(controller.signal, () => void called.push('two'));
    stop();
    controller.abort();
    stop();
    expect(called).to.deep.equal(['theirs', 'one', 'two']);
  });
});
