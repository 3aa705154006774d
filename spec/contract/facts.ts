import type { Reply } from '../../lib/index';

/** What differs between servers, each with the reply or the behaviour that shows it. */
export interface Facts {
  /** Name and version, as the package calls it. */
  readonly software: string;
  /** Commands that it refuses, and the code of its reply. */
  readonly refuses: Readonly<Partial<Record<Verb, number>>>;
  /** What its 257 to MKD names: the path, the name as given, nothing, or the path on its disk. */
  readonly mkdTells: 'path' | 'name' | 'nothing' | 'disk';
  /** False where a path from the root is taken for one in the working folder, except by CWD and LIST. */
  readonly takesPaths: boolean;
  /** True where CWD to a folder that does not exist is 250, too. */
  readonly entersAnything: boolean;
  /** The code for a wrong password. */
  readonly wrongPassword: number;
  /** True where MDTM takes half a day off each time after noon. */
  readonly twelveHours: boolean;
  /** Which quotes in its 257 are doubled: all, as RFC 959 asks; where none is, `""` in a name cannot be told from one quote. */
  readonly doublesQuotes: boolean | 'first';
  /** How its answer to SYST begins; undefined where it has the code of another command. */
  readonly system: RegExp | undefined;
  /** Lines of LIST: of a file of seven bytes, and of the folder `inner`. */
  readonly lines: Readonly<{ file: RegExp; folder: RegExp }>;
  /** True where QUIT closes the connection without a reply. */
  readonly leavesSilently: boolean;
  /** True where another client is refused while there is one. */
  readonly oneClient: boolean;
  /** Names that no file can have, which it says with 550. */
  readonly forbids: RegExp | undefined;
  /** What a new file is called on disk when it is called `name` on the wire. */
  readonly stored: (name: string) => string;
  /**
   * The code for a file that does not exist: RETR (after a mark, or not), SIZE, RNFR or RNTO, RMD of a folder that is not empty; and the kind
   * of reply to STOR into a folder that does not exist.
   */
  readonly missing: Readonly<{ retr: number; mark: boolean; size: number; rename: number; full: number; stor: Reply['kind'] }>;
  /** What `LIST missing` gives: the code, or a listing. */
  readonly listMissing: number | 'listing';
  /** False where LIST and NLST list the working folder, whatever they are asked for. */
  readonly listsPaths: boolean;
  /** What remains of the file with REST and STOR: all else; what is before the bytes; or nothing, and zeroes are before the bytes. */
  readonly restStor: 'keeps' | 'cuts' | 'zeroes';
  /** The number in `150 … (n bytes)`: of the whole file also after REST, of what is left, or none. */
  readonly announces: 'whole' | 'rest' | 'never';
  /** How lines that were sent in TYPE A end on disk. */
  readonly textEnds: '\n' | '\r\n';
  /** What stays of a CR that was in the file before the LF when it is sent in TYPE A. */
  readonly ownCR: 'one' | 'doubled';
  /** True where commands must wait for the reply to the one before: then there can be no NOOP during a transfer. */
  readonly oneAtATime: boolean;
  /** True where commands that come in a transfer may be kept until another comes after it. */
  readonly losesNoops: boolean;
  /** False where a transfer that is given up costs the control connection, because the server closes it. */
  readonly outlivesCancel: boolean;
  /** True where it now and then loses a data connection, and never answers that one's command, or with 426, when many clients come at once. */
  readonly losesReplies: boolean;
  /** True where every transfer costs 44 ms: Nagle on the server's control connection. */
  readonly slow: boolean;
}

/** Verbs that some server refuses. */
export type Verb =
  | 'EPSV' | 'EPRT' | 'PORT' | 'REST' | 'APPE' | 'STOU' | 'SIZE' | 'MDTM' | 'MFMT' | 'MLST' | 'MLSD' | 'NLST' | 'NOOP'
  | 'RNFR' | 'STAT' | 'HELP' | 'SITE' | 'SITE CHMOD' | 'OPTS' | 'FEAT' | 'CDUP' | 'QUIT' | 'TYPE' | 'TYPE A down' | 'TYPE A up';

const same = (name: string): string => name;
const withoutLead = (name: string): string => name.trimStart();
const MISSING: Facts['missing'] = { retr: 550, mark: false, size: 550, rename: 550, full: 550, stor: 'permanent' };
/** What most servers do. */
export const usual: Omit<Facts, 'software' | 'refuses'> = {
  mkdTells: 'path',
  takesPaths: true,
  entersAnything: false,
  wrongPassword: 530,
  twelveHours: false,
  doublesQuotes: true,
  system: /^UNIX/,
  lines: { file: /^-[rwx-]{9}.* 7 .*one\.txt\r?$/m, folder: /^d/ },
  leavesSilently: false,
  oneClient: false,
  forbids: undefined,
  stored: same,
  missing: MISSING,
  listMissing: 550,
  listsPaths: true,
  restStor: 'keeps',
  announces: 'never',
  textEnds: '\n',
  ownCR: 'one',
  oneAtATime: false,
  losesNoops: false,
  outlivesCancel: true,
  losesReplies: false,
  slow: false,
};

const vsftpd: Facts = {
  ...usual,
  software: 'vsftpd 3.0.3',
  // 500 Unknown command.
  refuses: { MLST: 500, MLSD: 500 }, // and MFMT, in place of which it has MDTM with a time
  listMissing: 'listing', // 226 after no line at all
  announces: 'whole', // 150 Opening BINARY mode data connection for x (6 bytes).
};

const pureftpd: Facts = {
  ...usual,
  software: 'Pure-FTPd 1.0.50',
  doublesQuotes: false,
  refuses: { OPTS: 504 }, // 504 Unknown command, to OPTS UTF8 ON
  mkdTells: 'name', // 257 "newdir" : The directory was successfully created
  stored: (name) => name.replace(/^ /, '_'), // 257 "_lead"
  listMissing: 'listing',
  restStor: 'cuts', // 0123456789 with AB at 4 becomes 0123AB
  ownCR: 'doubled',
};

/** Debian 12's servers; measured, not read. */
export const FACTS = {
  vsftpd,
  proftpd: {
    ...usual,
    software: 'ProFTPD 1.3.8',
    refuses: {},
    listMissing: 450, // 450 missing: No such file or directory
    announces: 'rest', // 150 Opening BINARY mode data connection for x (3 bytes), after REST 3 of 6
  },
  pureftpd,
  pyftpdlib: {
    ...usual,
    software: 'pyftpdlib 1.5.7',
    refuses: { OPTS: 501 }, // 501 Invalid argument., to OPTS UTF8 ON
    // A RETR whose data connection it has not accepted yet outlives ABOR: 225 ABOR command successful, and nothing for the RETR.
    outlivesCancel: false,
    // 150 File status okay. About to open data connection., and nothing more: an event for a socket that was closed in the same
    // turn of its loop closes the next one with the same number, which may be the data connection that RETR is about to use, or has
    // just filled: 426 Transfer aborted; 777 bytes transmitted., of 777.
    losesReplies: true,
  },
  inetutils: {
    ...usual,
    software: 'GNU inetutils ftpd 2.4',
    doublesQuotes: false,
    // 500 'MLST a': command not recognized; 500 'STOU': syntax error; 501 No options are available.
    refuses: { MLST: 500, MLSD: 500, MFMT: 500, STOU: 500, OPTS: 501 },
    listMissing: 'listing', // missing: No such file or directory, as a line of the listing
    announces: 'whole',
    ownCR: 'doubled',
    slow: true,
  },
  ftpdssl: {
    ...usual,
    software: 'ftpd-ssl 0.17.36',
    // 500 'MLST a': command not understood.
    refuses: { FEAT: 500, MLST: 500, MLSD: 500, MFMT: 500, STOU: 500, OPTS: 500 },
    mkdTells: 'name',
    listMissing: 'listing', // /bin/ls: cannot access 'missing': No such file or directory
    announces: 'whole',
    ownCR: 'doubled',
    slow: true,
  },
  gridftp: {
    ...usual,
    software: 'GridFTP server 13.24',
    doublesQuotes: false,
    refuses: { STOU: 500, OPTS: 500 }, // 500 Command not supported.; 500 OPTS failed.
    stored: (name) => name.replace(/^ +|[^\x20-\x7e]/g, ''), // MKD dür makes dr
    missing: { ...MISSING, retr: 500, rename: 500, full: 451 }, // 451-GridFTP-Error-String: Directory not empty
    ownCR: 'doubled',
    outlivesCancel: false, // 226 Transfer Complete., to ABOR, and the connection is closed
  },
  aioftp: {
    ...usual,
    software: 'aioftp 0.21.4',
    doublesQuotes: false,
    // 502 'port' not implemented
    refuses: { FEAT: 502, PORT: 502, EPRT: 502, STOU: 502, SIZE: 502, MDTM: 502, MFMT: 502, NLST: 502, NOOP: 502, STAT: 502, HELP: 502, SITE: 502, 'SITE CHMOD': 502, OPTS: 502 },
    mkdTells: 'nothing', // 257 and a blank
    missing: { ...MISSING, full: 451 }, // 451 file system error
    textEnds: '\r\n', // TYPE A is 200 and changes nothing
    outlivesCancel: false, // no reply to ABOR: the connection is closed
  },
  twisted: {
    ...usual,
    software: 'Twisted 22.4.0',
    doublesQuotes: false,
    // 502 Command 'REST' not implemented; in TYPE A 550 Requested action not taken: internal server error, and 426
    refuses: {
      EPSV: 502, EPRT: 502, REST: 502, APPE: 502, STOU: 502, MFMT: 502, MLST: 502, MLSD: 502, STAT: 502, HELP: 502, SITE: 502, 'SITE CHMOD': 502, OPTS: 502,
      'TYPE A down': 550, 'TYPE A up': 426,
    },
    mkdTells: 'name',
    stored: (name) => Buffer.from(name).toString('latin1'), // names are ISO 8859-1 to it
    slow: true,
  },
  ftpsrv: {
    ...usual,
    software: "npm's ftp-srv 4.6.3",
    oneAtATime: true, // it works on two packets at once, and answers the shorter work first
    // 502 Command not allowed: MLSD; 550 Cannot read properties of null (reading 'replace'), to STOU
    refuses: { STOU: 550, MFMT: 502, MLST: 502, MLSD: 502, SITE: 502 },
    mkdTells: 'disk',
    doublesQuotes: false,
    stored: (name) => name.replaceAll('"', ''), // it takes the quotes out of every command
    missing: { ...MISSING, retr: 551 },
    listMissing: 451,
    restStor: 'zeroes',
    textEnds: '\r\n', // TYPE A is 200 and changes nothing
    outlivesCancel: false, // ABOR may wait 5 s for a data connection, and what comes after it is answered before that
    slow: true,
  },
  npmftpd: {
    ...usual,
    software: "npm's ftpd 0.2.16",
    oneAtATime: true, // it takes a packet for one command
    // 502 Command not implemented.
    refuses: { REST: 502, STOU: 502, MFMT: 502, MLST: 502, MLSD: 502, HELP: 502, SITE: 502, 'SITE CHMOD': 502 },
    twelveHours: true,
    stored: withoutLead,
    missing: { ...MISSING, size: 450, stor: 'transient' }, // 450 Failed to get size of file; 426 Connection closed; transfer aborted
    listMissing: 'listing',
    textEnds: '\r\n',
    outlivesCancel: false, // ABOR is 502, and the RETR whose data connection we close is never answered
  },
  simpleftpd: {
    ...usual,
    software: "npm's simple-ftpd 0.0.4",
    oneAtATime: true, // it takes a packet for one command
    // 502 Command not supported.; 550 binary data encoding required for files., in TYPE A
    refuses: {
      EPSV: 502, EPRT: 502, PORT: 502, APPE: 502, STOU: 502, SIZE: 502, MDTM: 502, MFMT: 502, MLST: 502, MLSD: 502, NLST: 502, NOOP: 502, STAT: 502,
      HELP: 502, SITE: 502, 'SITE CHMOD': 502, OPTS: 502, CDUP: 502, QUIT: 502, 'TYPE A down': 550, 'TYPE A up': 550,
    },
    doublesQuotes: 'first',
    stored: (name) => name.replace(/\s+/g, ' ').trim(),
    missing: { ...MISSING, mark: true }, // 125 Data connection already open., and 550 then
    listMissing: 'listing',
    listsPaths: false,
    outlivesCancel: false, // ABOR is 502
    slow: true,
  },
  tcllib: {
    ...usual,
    software: 'ftpd of tcllib 1.21',
    doublesQuotes: false,
    // 500 Unknown command EPSV; 500 Copy Failed, to STOU without a name
    refuses: { FEAT: 500, EPSV: 500, EPRT: 500, REST: 500, STOU: 500, MFMT: 500, MLST: 500, MLSD: 500, STAT: 500, SITE: 500, 'SITE CHMOD': 500, OPTS: 500 },
    takesPaths: false,
    entersAnything: true,
    wrongPassword: 551,
    missing: { ...MISSING, retr: 500 },
    listMissing: 'listing',
    outlivesCancel: false, // 225 to ABOR, and nothing for the RETR
    slow: true,
  },
  ftpproxy: {
    ...usual,
    software: "SuSE's ftp-proxy 1.9.2.4",
    oneAtATime: true, // what it answers itself overtakes what the server answers
    // 500 'FEAT': command unrecognized.
    refuses: { FEAT: 500, EPSV: 500, EPRT: 500, MFMT: 500, MLST: 500, MLSD: 500, OPTS: 500 },
    stored: withoutLead,
    outlivesCancel: false, // now and then neither the RETR that is left nor ABOR is answered
    losesReplies: true, // pyftpdlib
    slow: true,
  },
  modproxy: {
    ...usual,
    software: "ProFTPD's mod_proxy 0.9.2",
    refuses: { OPTS: 501 },
    losesNoops: true, // Python's ftplib loses 28 of 60 transfers with four NOOPs in each
    outlivesCancel: false, // pyftpdlib
    losesReplies: true,
  },
} satisfies Record<string, Facts>;

/** What is different in TLS: a reset in the data connection's handshake ends the session. */
export const FACTS_IN_TLS = {
  ...FACTS,
  vsftpd: { ...vsftpd, outlivesCancel: false }, // 500 OOPS: priv_sock_get_result, in the clear
  pureftpd: { ...pureftpd, outlivesCancel: false }, // without a word
};
