import { isIP } from 'node:net';
import { DataChannel } from '../data-channel';
import { Refusal } from '../refusal';
import type { Session } from '../session';
import type { Verb } from './verbs';

/** What makes data connections (RFC 959, RFC 2428), and how they carry bytes. */
export const dataVerbs: Readonly<Record<string, Verb>> = {
  async PASV(session) {
    refuseAfterEpsvAll(session);
    const { localAddress = '' } = session.control.socket;
    if (isIP(localAddress) !== 4) throw new Refusal('425 PASV is for IPv4 only.');
    const port = await session.listen();
    session.reply(`227 Entering Passive Mode (${[...localAddress.split('.'), port >> 8, port & 0xff].join(',')}).`);
  },

  async EPSV(session, argument) {
    if (/^ALL$/i.test(argument)) {
      session.epsvOnly = true;
      return session.reply('200 EPSV ALL ok.');
    }
    const family = isIP(session.control.socket.localAddress ?? '') === 4 ? '1' : '2';
    if (argument !== '' && argument !== family) throw new Refusal(`522 Network protocol not supported, use (${family})`);
    session.reply(`229 Entering Extended Passive Mode (|||${await session.listen()}|)`);
  },

  PORT(session, argument) {
    refuseAfterEpsvAll(session);
    const numbers = /^\d+(,\d+){5}$/.test(argument) ? argument.split(',').map(Number) : [];
    const [high = 0, low = 0] = numbers.slice(4);
    if (numbers.length !== 6 || numbers.some((number) => number > 255)) throw new Refusal('501 Illegal PORT command.');
    activate(session, numbers.slice(0, 4).join('.'), high * 256 + low, 'PORT');
  },

  EPRT(session, argument) {
    refuseAfterEpsvAll(session);
    const [, , family, address = '', port] = /^([!-~])(\d+)\1([0-9a-f.:]+)\1(\d{1,5})\1$/i.exec(argument) ?? [];
    if (port === undefined) throw new Refusal('501 Illegal EPRT command.');
    if (family !== '1' && family !== '2') throw new Refusal('522 Network protocol not supported, use (1,2)');
    activate(session, address, Number(port), 'EPRT');
  },

  TYPE(session, argument) {
    const { types } = session.server.deviations;
    if (/^(I|L 8)$/i.test(argument)) session.type = 'I';
    else if (/^A( N)?$/i.test(argument)) session.type = 'A';
    else throw new Refusal('504 Unrecognised TYPE command.');
    session.reply(session.type === 'I' ? '200 Switching to Binary mode.' : '200 Switching to ASCII mode.');
    if (types === 'bytes only') session.type = 'I';
  },

  /** MODE Z where the option `features` has it. */
  MODE(session, argument) {
    const mode = argument.toUpperCase();
    if (mode === 'Z' && session.server.features.includes('MODE Z')) session.reply('200 MODE set to Z.');
    else only(session, argument, 'S', 'MODE');
    session.mode = mode === 'Z' ? 'Z' : 'S';
  },
  STRU: (session, argument) => only(session, argument, 'F', 'STRU'),

  REST(session, argument) {
    if (!/^\d{1,15}$/.test(argument)) throw new Refusal('501 Bad restart position.');
    if (session.server.deviations.restart !== 'ignored') session.restart = Number(argument);
    session.reply(`350 Restart position accepted (${argument}).`);
  },

  ALLO: (session) => session.reply('202 ALLO command ignored.'),

  /** 226 when it ended a transfer, whose own 426 came before. */
  ABOR(session) {
    session.reply(session.aborted ? '226 ABOR successful.' : '225 No transfer to ABOR.');
    session.aborted = false;
  },
};

function refuseAfterEpsvAll({ epsvOnly }: Session): void {
  if (epsvOnly) throw new Refusal('501 Not allowed after EPSV ALL.');
}

/** Only the client itself may be connected to (RFC 2577, 3). */
function activate(session: Session, address: string, port: number, verb: string): void {
  const foreign = address !== session.control.socket.remoteAddress;
  if (foreign || port < 1024 || port > 65_535) throw new Refusal(`500 Illegal ${verb} command.`);
  session.setData(DataChannel.active(session.server, address, port));
  session.reply(`200 ${verb} command successful.`);
}

function only(session: Session, argument: string, supported: string, verb: string): void {
  if (argument.toUpperCase() !== supported) throw new Refusal(`504 Bad ${verb} command.`);
  session.reply(`200 ${verb} set to ${supported}.`);
}
