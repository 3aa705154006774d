import type { FTPOptions } from '../../lib/index';
import type { PersonalityName } from '../support/server/personalities';
import { usual, type Facts } from './facts';

/** A personality of the embedded server, and what the contract expects of it. */
export interface PersonalityFacts {
  readonly facts: Facts;
  /** What a client has to be told, and what the server calls the home. */
  readonly client?: FTPOptions & { readonly root?: string };
}

const embedded: Facts = { ...usual, software: 'the embedded server', refuses: {}, announces: 'whole', slow: true };

/** What comes in one packet with ABOR, or before the reply to it, costs the connection. */
const oneAtATime: Facts = { ...embedded, oneAtATime: true, outlivesCancel: false };

export const PERSONALITY_FACTS: Readonly<Partial<Record<PersonalityName, PersonalityFacts>>> = {
  onePerPacket: { facts: oneAtATime },
  packetIsCommand: { facts: oneAtATime },
  outOfOrder: { facts: oneAtATime },
  resetsOverlap: { facts: oneAtATime },
  caseInsensitive: { facts: embedded },
  nfd: { facts: { ...embedded, stored: (name) => name.normalize('NFD') } },
  noRename: { facts: { ...embedded, refuses: { RNFR: 500 } } },
  iisUnix: { facts: { ...embedded, refuses: { MLSD: 500, MLST: 500, MFMT: 500 }, announces: 'never' } },
  listIgnoresPath: { facts: { ...embedded, refuses: { MLSD: 500, MLST: 500 }, listMissing: 'listing', listsPaths: false } },
};
