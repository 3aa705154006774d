import { Refusal } from '../refusal';
import { FACTS } from '../listing';
import type { Session } from '../session';
import type { Verb } from './verbs';

/** USER, PASS, ACCT, REIN, QUIT (RFC 959, 4.1.1). */
export const loginVerbs: Readonly<Record<string, Verb>> = {
  USER(session, name) {
    const { tls } = session.server;
    if (tls?.options.required && !session.control.secure) throw new Refusal('530 Sessions must use encryption.');
    session.user = name;
    session.login = 'password';
    session.reply('331 Please specify the password.');
  },

  PASS(session, password) {
    if (session.login === 'none' || session.user === undefined) throw new Refusal('503 Login with USER first.');
    const known = session.server.account(session.user);
    if (!known || (known.password !== '*' && known.password !== password)) {
      session.login = 'none';
      throw new Refusal('530 Login incorrect.');
    }
    if (known.account === undefined) return welcome(session);
    session.login = 'account';
    session.reply('332 Need account for login.');
  },

  ACCT(session, account) {
    if (session.login !== 'account' || session.user === undefined) throw new Refusal('503 Login with USER first.');
    if (session.server.account(session.user)?.account === account) return welcome(session);
    session.login = 'none';
    throw new Refusal('530 Login incorrect.');
  },

  REIN(session) {
    session.login = 'none';
    session.setData(undefined);
    Object.assign(session, { user: undefined, cwd: '/', type: 'A', mode: 'S', restart: 0, epsvOnly: false, protection: 'C', bufferSize: false, facts: FACTS });
    session.reply('220 Service ready for new user.');
  },

  QUIT(session) {
    if (session.server.deviations.quit === undefined) session.reply('221 Goodbye.');
    session.control.hangUp();
  },
};

function welcome(session: Session): void {
  session.login = 'done';
  session.reply('230 Login successful.');
}
