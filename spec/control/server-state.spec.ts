import { expect } from 'chai';
import { Command } from '../../lib/control/command';
import { codecFor } from '../../lib/encoding';
import { Reply } from '../../lib/reply';
import { ServerState, Setting, WorkingFolder } from '../../lib/control/server-state';

const UTF8 = codecFor('utf8');

describe('a setting of the server’s session', () => {
  it('is what it was until the reply comes: meanwhile it is unknown', () => {
    const setting = new Setting<string>('A');
    setting.sent('I');
    expect([setting.value, setting.next]).to.deep.equal([undefined, 'I']);
    setting.answered(true);
    expect([setting.value, setting.next]).to.deep.equal(['I', 'I']);
  });

  it('stays what it was where the command is refused', () => {
    const setting = new Setting<string>('A');
    setting.sent('I');
    setting.answered(false);
    expect([setting.value, setting.next]).to.deep.equal(['A', 'A']);
  });

  it('is moved by the replies in the order of the commands', () => {
    const setting = new Setting<number>(0);
    for (const value of [1, 2, 3]) setting.sent(value);
    const seen = [true, false, true].map((succeeded) => {
      setting.answered(succeeded);
      return [setting.value, setting.next];
    });
    expect(seen).to.deep.equal([[undefined, 3], [undefined, 3], [3, 3]]);
  });

  it('falls back to what the last success has set', () => {
    const setting = new Setting<number>(0);
    for (const value of [1, 2]) setting.sent(value);
    for (const succeeded of [true, false]) setting.answered(succeeded);
    expect(setting.value).to.equal(1);
  });

  it('is unknown where a command was given up, and as it was where none was', () => {
    const [asked, quiet] = [new Setting<string>('A'), new Setting<string>('A')];
    asked.sent('I');
    for (const setting of [asked, quiet]) setting.givenUp();
    expect([asked.value, quiet.value]).to.deep.equal([undefined, 'A']);
    asked.sent('I');
    asked.answered(true);
    expect(asked.value).to.equal('I');
  });
});

describe('the server’s session', () => {
  const command = (line: string): Command => new Command(line, UTF8);

  /** The session after commands, each with its reply's code; 0 for one that has none yet. */
  function after(...steps: readonly (readonly [line: string, code: number])[]): ServerState {
    const state = new ServerState();
    for (const [line] of steps) state.onQueued(command(line));
    for (const [line, code] of steps) if (code > 0) state.onAnswered(command(line), new Reply(code, [`${code} text`]), code < 400);
    return state;
  }

  it('begins logged out, with nothing known of its type and no restart', () => {
    const { loggedIn, type, restart, protection, utf8 } = new ServerState();
    expect([loggedIn, type.value, restart.value, protection.value, utf8.value]).to.deep.equal([false, undefined, 0, undefined, false]);
  });

  it('is logged in by a 2yz to USER, PASS or ACCT, and out again by USER', () => {
    expect(after(['USER u', 331]).loggedIn).to.equal(false);
    expect(after(['USER u', 230]).loggedIn).to.equal(true);
    expect(after(['USER u', 331], ['PASS p', 230]).loggedIn).to.equal(true);
    expect(after(['USER u', 331], ['PASS p', 332]).loggedIn).to.equal(false);
    expect(after(['USER u', 331], ['PASS p', 332], ['ACCT a', 202]).loggedIn).to.equal(true);
    expect(after(['USER u', 331], ['PASS p', 530]).loggedIn).to.equal(false);
    const state = after(['USER u', 230]);
    state.onQueued(command('USER other'));
    expect(state.loggedIn).to.equal(false);
  });

  it('has the type that was set, as the server took it', () => {
    expect(after(['TYPE I', 200]).type.value).to.equal('I');
    expect(after(['type a n', 200]).type.value).to.equal('A');
    expect(after(['TYPE L 8', 200]).type.value).to.equal('L 8');
    expect(after(['TYPE I', 200], ['TYPE A', 504]).type.value).to.equal('I');
    expect(after(['TYPE I', 0]).type.value).to.equal(undefined);
  });

  for (const verb of ['RETR x', 'STOR x', 'APPE x', 'STOU', 'LIST', 'NLST', 'MLSD']) {
    it(`has an offset armed from REST to the ${verb.slice(0, 4)} that uses it, and in doubt where that fails`, () => {
      expect(after(['REST 5', 350]).restart.value).to.equal(5);
      expect(after(['REST 5', 350], [verb, 226]).restart.value).to.equal(0);
      for (const code of [426, 450, 550]) expect(after(['REST 5', 350], [verb, code]).restart.value).to.equal(undefined);
      expect(after([verb, 550]).restart.value).to.equal(0);
    });
  }

  it('has an offset in doubt where its command waits, or was given up; and known again by REST 0', () => {
    expect(after(['REST 5', 0]).restart.value).to.equal(undefined);
    const state = after(['REST 5', 350]);
    state.onGivenUp();
    expect(state.restart.value).to.equal(undefined);
    state.onQueued(command('REST 0'));
    state.onAnswered(command('REST 0'), new Reply(350, ['350 text']), true);
    expect(state.restart.value).to.equal(0);
  });

  it('has an offset of nothing where REST is refused, and where none was ever armed', () => {
    expect(after(['REST 5', 502]).restart.value).to.equal(0);
    const state = after(['TYPE I', 200]);
    state.onGivenUp();
    expect([state.restart.value, state.type.value]).to.deep.equal([0, 'I']);
  });

  it('is protected as the last PROT that succeeded says, and by nothing else', () => {
    expect(after(['PROT P', 200]).protection.value).to.equal('P');
    expect(after(['PROT p', 200], ['PROT C', 200]).protection.value).to.equal('C');
    expect(after(['PROT P', 200], ['PROT C', 534]).protection.value).to.equal('P');
    expect(after(['PBSZ 0', 200]).protection.value).to.equal(undefined);
  });

  it('is in UTF-8 where OPTS UTF8 ON succeeded', () => {
    expect(after(['OPTS UTF8 ON', 200]).utf8.value).to.equal(true);
    expect(after(['OPTS UTF8 ON', 501]).utf8.value).to.equal(false);
    expect(after(['OPTS MLST size;', 200]).utf8.value).to.equal(false);
  });

  it('is nothing any more after REIN, and on a new connection', () => {
    const settings: readonly (readonly [string, number])[] = [['USER u', 230], ['TYPE I', 200], ['REST 5', 350], ['PROT P', 200], ['OPTS UTF8 ON', 200]];
    const state = after(...settings, ['REIN', 220]);
    const other = after(...settings);
    other.reset();
    for (const { loggedIn, type, restart, protection, utf8 } of [state, other]) expect([loggedIn, type.value, restart.value, protection.value, utf8.value]).to.deep.equal([false, undefined, 0, undefined, false]);
  });
});

describe('the working folder', () => {
  function after(...lines: string[]): string[] | undefined {
    const trail = new WorkingFolder();
    for (const line of lines) trail.follow(new Command(line, UTF8));
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
