// What a server was observed to do, which decides how it is spoken to. Servers differ in what they take; what one of them does not take is tried
// once, found out, and not done again.

/**
 * Something that most servers take and some do not. It is tried where the loss of the session would cost a round trip and no more, and on one
 * connection at a time, so that a server which closes the connection for it does so once.
 */
export class Trial {
  /** Whether the server takes it, once that is known. Moved by this class only. */
  outcome: 'none' | 'passed' | 'failed' = 'none';
  /** The connection on which it is being tried. */
  #connection: object | undefined;

  /** Whether it may be done on that connection: the server is known to take it, or no other connection tries it. */
  allows(connection: object): boolean {
    return this.outcome === 'none' ? (this.#connection ?? connection) === connection : this.outcome === 'passed';
  }

  /** It is done on that connection, which tries it for all where the outcome is not known. */
  begin(connection: object): void {
    this.#connection ??= connection;
  }

  /** The server took it. */
  pass(): void {
    if (this.outcome === 'none') this.outcome = 'passed';
  }

  /** The server did not take it. */
  fail(): void {
    this.outcome = 'failed';
  }

  /** The connection is closed, or has nothing in flight any more: without an outcome, another one may try. */
  leave(connection: object): void {
    if (this.#connection === connection) this.#connection = undefined;
  }
}

/** Greetings of servers that need one command at a time; lftp has the same list. */
const ONE_AT_A_TIME = /Microsoft FTP Service|MadGoat/;

/** What ftp-srv offers as its types in FEAT, and no other server. It works on several commands at a time, and their replies overtake each other now and then only. */
const TYPES_OF_FTP_SRV = 'A,I,L';

/**
 * Ways to ask that some servers lack. `TYPE`: else there is one type. `LIST -a`: LIST takes options. `LIST path`: LIST looks at its path, where others list the working folder,
 * whatever they are asked for. `CWD missing`: CWD refuses a folder that is missing; tcllib's ftpd and z/OS enter it.
 */
type Way = 'TYPE' | 'EPSV' | 'PORT' | 'EPRT' | 'MLST' | 'MLSD' | 'LIST -a' | 'LIST path' | 'CWD missing';

/** What a server was observed to do. */
export class ObservedServer {
  /** Several commands in flight: sent before the replies to those before them. */
  readonly pipelining = new Trial();
  /** A command after the data of a transfer, before its final reply. */
  readonly earlyCommands = new Trial();
  /** OPTS UTF8 ON, which some servers answer twice. */
  readonly utf8Option = new Trial();
  /** True for the ways to ask that have worked, false for those that the server lacks; the others were not tried. */
  readonly takes = new Map<Way, boolean>();
  /** True once a passive data connection was made: a transfer command need not wait for the next one. */
  passiveWorks = false;
  /** True once a transfer has ended with 226 or 250, as it should: that code shows where the next transfer ends, among the replies to commands sent after it. */
  endsInOrder = false;
  /** Whether FEAT offers MODE Z, and the server has not refused it all the same; undefined before FEAT. */
  offersModeZ: boolean | undefined;
  /** FEAT offers PRET. */
  offersPRET = false;
  /** ABOR may be answered after the commands that follow it, and ends the transfer that is under way then: nothing can follow it in its session. */
  abortsLate = false;
  /** True once a mark (1yz) has come before TLS began on its data connection. */
  marksBeforeTLS = false;
  /** The command that was seen to set the time of a file on a server that does not know MFMT; undefined: not tried. */
  setsTimesBy: 'MDTM' | 'SITE UTIME with three times' | 'SITE UTIME with one time' | 'nothing' | undefined;

  /** The server's greeting. */
  greeted(text: string): void {
    if (ONE_AT_A_TIME.test(text)) this.#takesOneAtATime();
  }

  /** The server's features. */
  offers(features: ReadonlyMap<string, string>): void {
    this.offersPRET = features.has('PRET');
    this.offersModeZ ??= /\bZ\b/i.test(features.get('MODE') ?? '');
    if (features.size > 0 && !features.has('MLST')) this.takes.set('MLST', false); // RFC 3659, 7.8
    if (features.get('TYPE') !== TYPES_OF_FTP_SRV) return;
    this.#takesOneAtATime();
    this.abortsLate = true;
  }

  #takesOneAtATime(): void {
    this.pipelining.fail();
    this.earlyCommands.fail();
  }
}

/** So many servers are remembered; after that, those are forgotten that were not used for the longest time. */
const MOST_SERVERS = 1000;
const servers = new Map<string, ObservedServer>();

/** What all clients of this process have observed of the server at a host and port, reached by the same route. */
export function observedServer(host: string, port: number, route = ''): ObservedServer {
  const key = `${route} ${host}:${port}`;
  const server = servers.get(key) ?? new ObservedServer();
  servers.delete(key);
  servers.set(key, server);
  for (const oldest of servers.keys()) {
    if (servers.size <= MOST_SERVERS) break;
    servers.delete(oldest);
  }
  return server;
}

/** Forgets all servers: what has the address of one may be another. */
export function forgetServers(): void {
  servers.clear();
}
