import { certificate } from './certificates';
import type { Deviations } from './deviations';
import { FEATURES, type FtpServerOptions } from './server-options';

/** A server of its own kind, as options of `FtpServer.start`, to which files, users and the like are added. */
export type Personality = Deviations & Pick<FtpServerOptions, 'features' | 'tls'>;

/** Characters that names have on Unix, and not on Windows. */
const ON_WINDOWS = /["*:<>?|]/;

/** It reads one command at a time; what it says is as it was seen in many transcripts. */
const IIS = {
  packets: 'first',
  duringTransfer: 'dropped',
  mark: '125',
  names: 'caseless',
  forbids: ON_WINDOWS,
  renames: 'never over',
  lacks: ['MLSD', 'MLST', 'MFMT', 'SITE CHMOD'],
  features: ['LANG EN*', 'UTF8', 'AUTH TLS;TLS-C;SSL;TLS-P;', 'PBSZ', 'PROT C;P;', 'CCC', 'HOST', 'SIZE', 'MDTM', 'REST STREAM'],
  wording: {
    'GREETING 220': '220 Microsoft FTP Service',
    'PASS 230': '230 User logged in.',
    'PASS 530': '530 User cannot log in.',
    'SYST 215': '215 Windows_NT',
    'CWD 250': '250 CWD command successful.',
    'PWD 257': '257 "$quoted" is current directory.',
    'MKD 257': '257 "$argument" directory created.',
    'FEAT 211': '211-Extended features supported:\r\n$lines\r\n211 END',
    'OPTS 200': '200 OPTS UTF8 command successful - UTF8 encoding now ON.',
    'LIST 226': '226 Transfer complete.',
    500: '500 Command not understood.',
  },
} as const satisfies Personality;

const Z_OS = {
  mark: '125',
  lacks: ['MLST', 'MLSD', 'MFMT', 'OPTS'],
  features: ['SIZE', 'MDTM', 'REST STREAM', 'LANG en*', 'UTF8', 'EPSV', 'EPRT'],
  wording: {
    'GREETING 220': '220-FTPD1 IBM FTP CS V2R3 at ZOS1.EXAMPLE, 08:41:36 on 2020-05-24.\r\n220 Connection will close if idle for more than 5 minutes.',
    'USER 331': '331 Send password please.',
    'PASS 230': '230 USER is logged on.  Working directory is "USER.".',
    'SYST 215': '215 MVS is the operating system of this server. FTP Server is running on z/OS.',
    'RETR 226': '250 Transfer completed successfully.',
    'STOR 226': '250 Transfer completed successfully.',
    'APPE 226': '250 Transfer completed successfully.',
    'STOU 226': '250 Transfer completed successfully.',
    'LIST 226': '250 List completed successfully.',
    'NLST 226': '250 List completed successfully.',
    'QUIT 221': '221 Quit command received. Goodbye.',
  },
} as const satisfies Personality;

/** Servers that break the rules, each in one way; the name says which, the comment where it was seen. */
export const PERSONALITIES = {
  /** Answers only the first command of a packet: lwIP's server, those of many devices. */
  onePerPacket: { packets: 'first' },
  /** Answers only the last one: npm's ftpd. */
  lastOfPacket: { packets: 'last' },
  /** Answers the commands of one packet side by side, the later ones first: npm's ftp-srv. */
  outOfOrder: { packets: 'backwards' },
  /** Closes the connection where a packet has more than one command. */
  onlyOnePerPacket: { packets: 'none' },
  /** Takes a packet for one command: curl's test server, small devices. */
  packetIsCommand: { packets: 'fused' },
  /** Resets the connection when a second command is in flight: some firewalls. */
  resetsOverlap: { overlap: 'reset' },
  /** Names that differ in case only are the same: Windows, macOS. */
  caseInsensitive: { names: 'caseless' },
  /** Names are stored decomposed, and found in either form: macOS. */
  nfd: { names: 'NFD' },
  /** Dots at the end of a name are dropped: Windows. */
  dropsTrailingDot: { names: 'without trailing dots' },
  /** Knows neither RNFR nor RNTO. */
  noRename: { lacks: ['RNFR', 'RNTO'] },
  /** RNTO does not replace: Windows. */
  noRenameOver: { renames: 'never over' },
  /** LIST does not look at its path; there is no MLSD. */
  listIgnoresPath: { listings: 'ignore the path', lacks: ['MLSD', 'MLST'], features: without('MLST') },
  /** LIST names each entry by the path that was asked for, as users of other clients report. */
  listRepeatsPath: { listings: 'repeat the path' },
  /** Refuses to list an empty folder, as users of other clients report. */
  refusesEmptyFolder: { emptyFolder: '550 No files found.' },
  /** Microsoft's IIS 10 on Windows, with the listings of its default. */
  iis: { ...IIS, lines: 'dos' },
  /** The same, set to listings as those of Unix (SITE DIRSTYLE). */
  iisUnix: { ...IIS, lines: 'unix by IIS' },
  /** FileZilla Server 1.x on Windows, with its default: TLS is demanded, and data connections must resume the session. */
  fileZilla: {
    names: 'caseless',
    forbids: ON_WINDOWS,
    lacks: ['STOU'],
    mark: 'without size',
    features: ['MDTM', 'REST STREAM', 'SIZE', 'MLST', 'MLSD', 'AUTH SSL', 'AUTH TLS', 'PROT', 'PBSZ', 'UTF8', 'TVFS', 'EPSV', 'EPRT', 'MFMT'],
    tls: { mode: 'explicit', required: true, requireReuse: true, ...certificate() },
    wording: {
      'GREETING 220': '220-FileZilla Server 1.10.3\r\n220 Please visit https://filezilla-project.org/',
      'OPTS 200': '202 UTF8 mode is always enabled.',
      'SYST 215': '215 UNIX emulated by FileZilla.',
      'PWD 257': '257 "$quoted" is current directory.',
      'MKD 257': '257 "$quoted" created successfully.',
      150: '150 About to start data transfer.',
      226: '226 Operation successful',
      522: '425 Unable to build data connection: TLS session of data connection not resumed.',
    },
  },
  /** IBM's z/OS, in its hierarchical file system, which CWD with a path leads to. */
  zOS: { ...Z_OS, wording: { ...Z_OS.wording, 'PWD 257': '257 "$quoted" is the HFS working directory.' } },
  /** The same, where it begins: with data sets (`lib/listing/rare/mvs.ts`). */
  zOSDataSets: { ...Z_OS, paths: 'data sets' },
  /** IBM i, once AS/400: it begins in a library; SITE NAMEFMT 1 leads to paths, SITE LISTFMT 1 to listings as those of Unix. */
  ibmI: {
    paths: 'libraries',
    lines: 'os400',
    mark: 'without size',
    lacks: ['MLST', 'MLSD', 'MFMT', 'REST', 'OPTS'],
    features: ['SIZE', 'MDTM', 'EPSV', 'EPRT', 'UTF8'],
    wording: {
      'GREETING 220': '220-QTCP at system.example.\r\n220 Connection will close if idle more than 5 minutes.',
      'USER 331': '331 Enter password.',
      'PASS 230': '230 USER logged on.',
      'SYST 215': '215  OS/400 is the remote operating system. The TCP/IP version is "V7R1M0".',
      'CWD 250': '250 "$argument" is current directory.',
      'RETR 226': '250 File transfer completed successfully.',
      'STOR 226': '250 File transfer completed successfully.',
      'APPE 226': '250 File transfer completed successfully.',
      'LIST 226': '250 List completed.',
      'NLST 226': '250 List completed.',
      'QUIT 221': '221 QUIT subcommand received.',
    },
  },
  /** BusyBox's ftpd, in NAS and routers: one process, which reads no command during a transfer; it says `Operation successful` to all. */
  busyBox: {
    lacks: ['EPRT', 'OPTS', 'MLST', 'MLSD', 'MFMT', 'SITE', 'ABOR', 'REIN', 'ACCT'],
    features: ['EPSV', 'PASV', 'REST STREAM', 'MDTM', 'SIZE'],
    types: 'bytes only',
    abort: 'after the transfer',
    missingFolder: 'empty',
    wording: {
      'GREETING 220': '220 Operation successful',
      'PASS 230': '230 Operation successful',
      'MKD 257': '257 Operation successful',
      'PWD 257': '257 "$quoted"',
      '211': '211-Features:\r\n$lines\r\n211 Ok',
      200: '200 Operation successful',
      226: '226 Operation successful',
      250: '250 Operation successful',
      350: '350 Operation successful',
      426: '451 Error',
      500: '500 Error',
      530: '530 Error',
      550: '550 Error',
    },
  },
  /** lwIP's ftpd in its first version, on microcontrollers: it reads one command of a packet, refuses TYPE, lists only the working folder, and closes the connection at ABOR. */
  lwIP: {
    packets: 'first',
    lacks: ['EPSV', 'EPRT', 'SIZE', 'MDTM', 'MFMT', 'REST', 'APPE', 'STOU', 'FEAT', 'OPTS', 'MLST', 'MLSD', 'STAT', 'HELP', 'SITE', 'TYPE'],
    listings: 'ignore the path',
    types: 'bytes only',
    abort: 'resets',
    wording: {
      'GREETING 220': '220 lwIP FTP Server ready.',
      'SYST 215': '214 UNIX system type.',
      'MKD 257': '257 "$argument" created.',
      'RNTO 550': '450 Requested file action not taken.',
      226: '226 Closing data connection.',
      500: '502 Command not implemented.',
    },
  },
  /** VxWorks's ftpd of version 5, in routers and measuring devices. */
  vxWorks: {
    lacks: ['CDUP', 'EPSV', 'EPRT', 'MFMT', 'REST', 'APPE', 'STOU', 'FEAT', 'OPTS', 'MLST', 'MLSD', 'STAT', 'SITE', 'ABOR'],
    abort: 'after the transfer',
    lines: 'vxworks',
    mark: 'without size',
    wording: {
      'GREETING 220': '220 VxWorks (VxWorks5.5.1) FTP server ready',
      'SYST 215': '215 UNIX Type: L8 Version: VxWorks',
      'PWD 257': '257 Current directory is "$quoted"',
      'MKD 257': '257 MKD command successful.',
    },
  },
  /** A camera: one client at a time, LF after replies, few verbs, TYPE without a meaning, and no reply to QUIT. */
  camera: {
    clients: 'one',
    lineEnds: '\n',
    quit: 'closes without a reply',
    types: 'bytes only',
    abort: 'after the transfer',
    mark: 'without size',
    lacks: ['EPSV', 'EPRT', 'PORT', 'SIZE', 'MDTM', 'MFMT', 'REST', 'APPE', 'STOU', 'FEAT', 'OPTS', 'MLST', 'MLSD', 'NLST', 'STAT', 'HELP', 'SITE', 'ABOR'],
    wording: { 500: '502 Command not implemented' },
  },
  /** Serv-U 4 on Windows. */
  servU4: {
    names: 'caseless',
    forbids: ON_WINDOWS,
    duringTransfer: 'dropped',
    lacks: ['EPSV', 'EPRT', 'MFMT', 'OPTS', 'MLST', 'MLSD'],
    features: ['MDTM', 'MDTM YYYYMMDDHHMMSS[+-TZ] filename', 'SIZE', 'SITE PSWD;EXEC;SET;INDEX;ZONE;CHMOD;MSG', 'REST STREAM'],
    wording: {
      'GREETING 220': '220 Serv-U FTP Server v4.1 for WinSock ready...',
      'USER 331': '331 User name okay, need password.',
      'PASS 230': '230 User logged in, proceed.',
      'FEAT 211': '211-Extension supported\r\n$lines\r\n211 End',
      500: "500 '$verb': command not understood.",
    },
  },
  /** The offset of REST is not forgotten until the next REST, not even by a transfer that was complete. */
  restartStays: { restart: 'until the next' },
  /** The offset of REST is forgotten only by a transfer that was complete, or by the next REST: vsftpd 3.0.3 between REST and a command that never came. */
  restartStaysUntilDone: { restart: 'until done' },
  /** REST is answered 350, and then all transfers begin at byte 0. */
  ignoresREST: { restart: 'ignored' },
  /** STOR after REST makes the head of the file zeros: ftp-srv, uftpd. */
  truncatesAtRestart: { restart: 'truncates' },
  /** Whatever comes before the 226 of a transfer is answered 503. */
  refusesDuringTransfer: { duringTransfer: 'refused' },
  /** EPSV and PASV are answered at once, before the 226 of the transfer that runs: npm's servers, embedded ones. */
  earlyPassive: { duringTransfer: 'passive at once' },
  /** What comes before the 226 of a transfer is dropped: serv-U of old, devices. */
  dropsDuringTransfer: { duringTransfer: 'dropped' },
  /** Closes the connection where something comes before the 226 of a transfer, and sends no 226. */
  closesDuringTransfer: { duringTransfer: 'closed' },
  /** Ends transfers with 200: devices. */
  completesWith200: { completion: '200 Ok.' },
  noSIZE: { lacks: ['SIZE'], features: without('SIZE') },
  noFEAT: { lacks: ['FEAT'] },
  /** A folder that is not there is listed as an empty one: Apache FtpServer, vsftpd. */
  missingFolderEmpty: { missingFolder: 'empty' },
  /** The 150 of a download does not say how long it is: pyftpdlib, Pure-FTPd. */
  quietMark: { mark: 'without size' },
  /** Says 226, too, of a transfer that it has said 426 of: the two replies that RFC 959, 4.1.3 has for ABOR, where there was none. */
  completesTwice: { brokenTransfer: 'completed as well' },
  /** Keeps an upload only if its connection ended with FIN. */
  keepsWholeOnly: { brokenUpload: 'undone' },
} as const satisfies Readonly<Record<string, Personality>>;

export type PersonalityName = keyof typeof PERSONALITIES;

function without(feature: string): readonly string[] {
  return FEATURES.filter((each) => each !== feature);
}
