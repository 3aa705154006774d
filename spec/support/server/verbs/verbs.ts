import { Refusal } from '../refusal';
import type { Session } from '../session';
import { dataVerbs } from './data';
import { digestVerbs } from './digests';
import { fileVerbs } from './files';
import { folderVerbs } from './folders';
import { informationVerbs } from './information';
import { listingVerbs } from './listings';
import { loginVerbs } from './login';
import { mainframeVerbs } from './mainframes';
import { securityVerbs } from './security';
import { transferVerbs } from './transfers';

/** What the server does at a command. @throws Refusal for what it answers with an error */
export type Verb = (session: Session, argument: string) => Promise<void> | void;

const VERBS: ReadonlyMap<string, Verb> = new Map([
  ...Object.entries(loginVerbs),
  ...Object.entries(securityVerbs),
  ...Object.entries(folderVerbs),
  ...Object.entries(fileVerbs),
  ...Object.entries(digestVerbs),
  ...Object.entries(dataVerbs),
  ...Object.entries(transferVerbs),
  ...Object.entries(listingVerbs),
  ...Object.entries(informationVerbs),
]);

const BEFORE_LOGIN = new Set(['USER', 'PASS', 'ACCT', 'QUIT', 'REIN', 'AUTH', 'PBSZ', 'PROT', 'CCC', 'FEAT', 'SYST', 'HELP', 'NOOP', 'OPTS']);
const TRANSFERS = new Set([...Object.keys(transferVerbs), ...Object.keys(listingVerbs)]);

/** True for a verb that uses a data connection. */
export function isTransfer(verb: string): boolean {
  return TRANSFERS.has(verb);
}

/** Does what the server does without a script. @throws Refusal */
export async function runVerb(session: Session, verb: string, argument: string): Promise<void> {
  if (verb !== 'RNTO') session.renameFrom = undefined;
  const act = session.server.deviations.lacks?.includes(verb) ? undefined : (mainframeVerbs(session)[verb] ?? VERBS.get(verb));
  if (!act) throw new Refusal('500 Unknown command.');
  if (session.login !== 'done' && !BEFORE_LOGIN.has(verb)) throw new Refusal('530 Please login with USER and PASS.');
  try {
    await act(session, argument);
  } catch (error) {
    // A refused transfer uses up its data connection, too.
    if (isTransfer(verb)) session.setData(undefined);
    throw error;
  }
}
