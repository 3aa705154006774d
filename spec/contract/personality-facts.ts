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

/** Characters that no name has on Windows. */
const ON_WINDOWS = /["*:<>?|]/;

/** What is found out of a server is forgotten after each spec, and costs seconds: these are spoken to so from the start, and others of their kind are found out. */
const ONE_BY_ONE = { pipelining: false };

const iis: PersonalityFacts = {
  facts: {
    ...embedded,
    software: 'Microsoft FTP Service 10',
    refuses: { MLST: 500, MLSD: 500, MFMT: 500, 'SITE CHMOD': 500 },
    mkdTells: 'name',
    announces: 'never',
    oneAtATime: true,
    system: /^Windows_NT/,
    lines: { file: /^\d\d-\d\d-\d\d +\d\d:\d\d[AP]M +7 one\.txt\r?$/m, folder: /<DIR>/ },
    forbids: ON_WINDOWS,
  },
};

/** What comes in one packet with ABOR, or before the reply to it, costs the connection. */
const oneAtATime: Facts = { ...embedded, oneAtATime: true, outlivesCancel: false };

export const PERSONALITY_FACTS: Readonly<Partial<Record<PersonalityName, PersonalityFacts>>> = {
  packetIsCommand: { facts: oneAtATime },
  outOfOrder: { facts: oneAtATime },
  resetsOverlap: { facts: oneAtATime },
  caseInsensitive: { facts: embedded },
  nfd: { facts: { ...embedded, stored: (name) => name.normalize('NFD') } },
  noRename: { facts: { ...embedded, refuses: { RNFR: 500 } } },
  listIgnoresPath: { facts: { ...embedded, refuses: { MLSD: 500, MLST: 500 }, listMissing: 'listing', listsPaths: false } },
  iis,
  iisUnix: { facts: { ...iis.facts, lines: usual.lines } },
  fileZilla: { facts: { ...embedded, software: 'FileZilla Server 1.x', refuses: { STOU: 500 }, announces: 'never', forbids: ON_WINDOWS } },
  zOS: {
    facts: { ...embedded, software: 'z/OS', refuses: { MLST: 500, MLSD: 500, MFMT: 500, OPTS: 500 }, announces: 'never', system: /^MVS/ },
    client: { root: '/u/user', afterLogin: ['CWD /u/user'] },
  },
  ibmI: {
    facts: {
      ...embedded, software: 'IBM i', refuses: { MLST: 500, MLSD: 500, MFMT: 500, REST: 500, OPTS: 500, SITE: 500, 'SITE CHMOD': 500 }, announces: 'never', system: /^ ?OS\/400/,
      lines: { file: /^\S+ +7 .* \*STMF +one\.txt\r?$/m, folder: /\*DIR +inner\/$/ },
    },
    client: { root: '/home/user', afterLogin: ['SITE NAMEFMT 1', 'CWD /home/user'] },
  },
  busyBox: {
    facts: {
      ...embedded, software: "BusyBox's ftpd", refuses: { EPRT: 500, OPTS: 500, MLST: 500, MLSD: 500, MFMT: 500, SITE: 500, 'SITE CHMOD': 500 },
      mkdTells: 'nothing', listMissing: 'listing', textEnds: '\r\n',
    },
  },
  lwIP: {
    client: ONE_BY_ONE,
    facts: {
      ...oneAtATime, software: "lwIP's ftpd",
      refuses: {
        FEAT: 502, EPSV: 502, EPRT: 502, REST: 502, APPE: 502, STOU: 502, SIZE: 502, MDTM: 502, MFMT: 502, MLST: 502, MLSD: 502, STAT: 502, HELP: 502, SITE: 502,
        'SITE CHMOD': 502, OPTS: 502, TYPE: 502,
      },
      mkdTells: 'name', listMissing: 'listing', listsPaths: false, textEnds: '\r\n', system: undefined, // 214 UNIX system type.
    },
  },
  vxWorks: {
    facts: {
      ...embedded, software: "VxWorks's ftpd",
      refuses: {
        FEAT: 500, CDUP: 500, EPSV: 500, EPRT: 500, REST: 500, APPE: 500, STOU: 500, MFMT: 500, MLST: 500, MLSD: 500, STAT: 500, SITE: 500, 'SITE CHMOD': 500, OPTS: 500,
      },
      mkdTells: 'nothing', announces: 'never', lines: { file: /^ +7 .* one\.txt\r?$/m, folder: /<DIR>/ },
    },
  },
  camera: {
    facts: {
      ...embedded, software: 'a camera',
      refuses: {
        FEAT: 502, EPSV: 502, EPRT: 502, PORT: 502, REST: 502, APPE: 502, STOU: 502, SIZE: 502, MDTM: 502, MFMT: 502, MLST: 502, MLSD: 502, NLST: 502, STAT: 502, HELP: 502,
        SITE: 502, 'SITE CHMOD': 502, OPTS: 502,
      },
      announces: 'never', leavesSilently: true, oneClient: true, textEnds: '\r\n',
    },
  },
  servU4: {
    facts: { ...embedded, software: 'Serv-U 4', refuses: { EPSV: 500, EPRT: 500, MFMT: 500, MLST: 500, MLSD: 500, OPTS: 500 }, oneAtATime: true, forbids: ON_WINDOWS },
    client: ONE_BY_ONE,
  },
};
