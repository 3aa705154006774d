import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Gate } from './gate';
import type { Step } from './script';
import type { Session } from './session';
import { receiveChunks } from './transfer';

/** Sends text on the control connection, with CRLF if it has none. */
export function send(text: string): Step {
  return (session) => session.writeRaw(text.endsWith('\r\n') ? text : `${text}\r\n`);
}

/** Sends exactly these bytes on the control connection. */
export function raw(bytes: string | Uint8Array): Step {
  return (session) => session.writeRaw(bytes);
}

/** What is sent before and what is sent after arrives in two pieces. */
export function boundary(): Step {
  return (session) => session.control.boundary();
}

/** Sends bytes on the control connection in pieces of `length` bytes, each in a segment of its own. */
export function split(bytes: string | Uint8Array, length: number): Step {
  return async (session) => {
    const whole = Buffer.from(bytes);
    for (let at = 0; at < whole.length; at += length) {
      await session.writeRaw(whole.subarray(at, at + length));
      await session.control.boundary();
    }
  };
}

/** Waits for the data connection; nothing is read from it, nor is TLS begun. */
export function openData(): Step {
  return async (session) => void (await session.dataConnection());
}

/** Sends bytes on the data connection, under TLS after PROT P; goes on when the system has them, or the client is gone. */
export function data(bytes: string | Uint8Array): Step {
  return async (session) => {
    const socket = await session.protectedData();
    socket.resume();
    await settled(socket, (done) => socket.write(bytes, done));
  };
}

/** Ends the data connection with FIN, under TLS with close_notify before it. */
export function dataEnd(): Step {
  return async (session) => {
    const socket = await session.protectedData();
    socket.resume();
    await settled(socket, (done) => socket.end(done));
  };
}

/** FIN on the data connection without close_notify. */
export function dataCut(): Step {
  return async (session) => {
    const socket = await session.dataConnection();
    await settled(socket, (done) => socket.end(done));
  };
}

/** RST on the data connection; without a `boundary()` before it, what was sent may get lost, or the RST pass for an end. */
export function dataReset(): Step {
  return async (session) => void (await session.dataConnection()).resetAndDestroy();
}

/** Reads the data connection to its end, and stores what came at `path`, by default where the command says. */
export function receiveData(path?: string): Step {
  return async (session) => {
    const chunks: Uint8Array[] = [];
    const socket = await session.protectedData();
    await receiveChunks(socket, (chunk) => chunks.push(chunk)).catch(() => undefined);
    session.server.write(path ?? session.path(session.argument), Buffer.concat(chunks));
  };
}

/** Waits until the client has closed or reset the data connection, throwing away what it sends. */
export function dataClosed(): Step {
  return async (session) => {
    const socket = await session.protectedData();
    socket.resume();
    await finished(socket, { writable: false }).catch(() => undefined);
  };
}

/** Waits; this, and nothing else, orders what a script and a spec do. */
export function until(what: Gate | Promise<unknown> | ((session: Session) => Promise<unknown>)): Step {
  return async (session) => {
    if (typeof what === 'function') await what(session);
    else await ('promise' in what ? what.promise : what);
  };
}

/** FIN on the control connection. */
export function hangUp(): Step {
  return (session) => session.control.hangUp();
}

/** RST on the control connection. */
export function resetControl(): Step {
  return (session) => session.control.reset();
}

/** Neither answers this command nor any later one. */
export function silence(): Step {
  return (session) => session.control.closed;
}

/** Does what the server does without a script. */
export function normal(): Step {
  return (session) => session.normal();
}

/** Begins TLS on the control connection, as after 234. */
export function startTls(): Step {
  return (session) => session.startTls();
}

function settled(socket: Duplex, act: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    const done = (): void => {
      socket.off('close', done);
      resolve();
    };
    socket.once('close', done);
    act(done);
  });
}
