import type { Deviations } from './deviations';
import { FEATURES, type FtpServerOptions } from './server-options';

/** A server of its own kind, as options of `FtpServer.start`, to which files, users and the like are added. */
export type Personality = Deviations & Pick<FtpServerOptions, 'features'>;

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
  /** Microsoft's IIS, with the listings of its default. */
  iis: { lines: 'dos', mark: '125', names: 'caseless', renames: 'never over', lacks: ['MLSD', 'MLST', 'MFMT'], features: ['UTF8', 'SIZE', 'MDTM', 'REST STREAM'] },
  /** Microsoft's IIS, set to listings as those of Unix. */
  iisUnix: { lines: 'unix by IIS', mark: '125', names: 'caseless', renames: 'never over', lacks: ['MLSD', 'MLST', 'MFMT'], features: ['UTF8', 'SIZE', 'MDTM', 'REST STREAM'] },
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
