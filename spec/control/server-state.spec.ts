import { expect } from 'chai';
import { Command } from '../../lib/control/command';
import { codecFor } from '../../lib/control/encoding';
import { WorkingFolder } from '../../lib/control/server-state';

describe('the working folder', () => {
  const codec = codecFor('utf8');
  function after(...lines: string[]): string[] | undefined {
    const trail = new WorkingFolder();
    for (const line of lines) trail.note(new Command(line, codec));
    return trail.steps?.map((command) => command.shown);
  }

  it('is empty in the login folder', () => expect(after()).to.deep.equal([]));
  it('repeats relative steps', () => expect(after('CWD a', 'CWD b/c')).to.deep.equal(['CWD a', 'CWD b/c']));
  it('begins anew with an absolute path', () => expect(after('CWD a', 'CWD /x/y', 'CWD z')).to.deep.equal(['CWD /x/y', 'CWD z']));
  it('takes a step down back with the step up', () => expect(after('CWD a', 'CWD b', 'CDUP', 'CWD c')).to.deep.equal(['CWD a', 'CWD c']));
  it('does not guess where the parent of anything else is', () => {
    expect(after('CWD a/b', 'CDUP')).to.deep.equal(['CWD a/b', 'CDUP']);
    expect(after('CWD [.SUB]', 'CDUP')).to.deep.equal(['CWD [.SUB]', 'CDUP']);
    expect(after('CDUP')).to.deep.equal(['CDUP']);
    expect(after('CWD ..', 'CDUP')).to.deep.equal(['CWD ..', 'CDUP']);
  });
  it('ignores what leads nowhere', () => expect(after('CWD a', 'CWD .', 'MKD x', 'SIZE y')).to.deep.equal(['CWD a']));
  it('is over with REIN', () => expect(after('CWD a', 'REIN')).to.deep.equal([]));
  it('does not grow without bound', () => expect(after(...Array.from({ length: 1001 }, () => 'CWD a/b'))).to.equal(undefined));
});
