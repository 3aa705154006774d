import { FACTS, factsLine, itemOf } from '../listing';
import { Refusal } from '../refusal';
import type { Session } from '../session';
import { chooseHash } from './digests';
import { listed } from './listings';
import type { Verb } from './verbs';

/** What only tells something, on the control connection. */
export const informationVerbs: Readonly<Record<string, Verb>> = {
  FEAT(session) {
    const { features, tls } = session.server;
    const security = tls && !features.some((line) => line.startsWith('AUTH')) ? ['AUTH TLS', 'PBSZ', 'PROT', 'CCC'] : [];
    const lines = [...features, ...security].map((line) => (/^MLST$/i.test(line) ? `MLST ${chosenFacts(session)}` : line));
    if (lines.length === 0) return session.reply('211 No features.');
    session.reply(multiLine('211', 'Features:', lines.map((line) => ` ${line}`), 'End'));
  },

  OPTS(session, argument) {
    if (/^UTF-?8( ON)?$/i.test(argument)) return session.reply('200 Always in UTF8 mode.');
    const [, algorithm] = /^HASH(?: (.*))?$/i.exec(argument) ?? [undefined, undefined];
    if (/^HASH( |$)/i.test(argument)) return chooseHash(session, algorithm ?? '');
    const [, facts] = /^MLST(?: (.*))?$/i.exec(argument) ?? [undefined, undefined];
    if (!/^MLST( |$)/i.test(argument)) throw new Refusal('501 Option not understood.');
    const wanted = (facts ?? '').toLowerCase().split(';');
    session.facts = FACTS.filter((fact) => wanted.includes(fact.toLowerCase()));
    session.reply(`200 MLST OPTS ${session.facts.map((fact) => `${fact};`).join('')}`.trimEnd());
  },

  MLST(session, argument) {
    const path = session.path(argument);
    const { node } = session.server.files.follow(path);
    const line = factsLine(itemOf(path, node), session.facts);
    session.reply(multiLine('250', `Listing ${path}`, [` ${line}`], 'End'));
  },

  STAT(session, argument) {
    if (argument !== '') return session.reply(multiLine('213', 'Status follows:', listed(session, argument), 'End of status'));
    const facts = [`Logged in as ${session.user ?? ''}`, `TYPE: ${session.type === 'I' ? 'BINARY' : 'ASCII'}`];
    session.reply(multiLine('211', 'FTP server status:', facts.map((line) => `     ${line}`), 'End of status'));
  },

  SYST: (session) => session.reply('215 UNIX Type: L8'),
  NOOP: (session) => session.reply('200 NOOP ok.'),

  HELP(session, argument) {
    if (argument !== '') return session.reply(`214 ${argument.toUpperCase()} is what RFC 959 says.`);
    session.reply(multiLine('214', 'The following commands are recognized.', [' USER PASS QUIT CWD PWD LIST RETR STOR and more'], 'Help OK.'));
  },
};

/** All facts that can be had; a star is at those that listings give (RFC 3659, 7.8). */
function chosenFacts({ facts }: Session): string {
  return FACTS.map((fact) => `${fact}${facts.includes(fact) ? '*' : ''};`).join('');
}

function multiLine(code: string, first: string, lines: Iterable<string>, last: string): string {
  return [`${code}-${first}`, ...lines, `${code} ${last}`].join('\r\n');
}
