import { chunksOf } from '../content';
import { withCRLF, withLF } from '../line-ends';
import { Refusal } from '../refusal';
import type { Session } from '../session';
import { download, upload } from '../transfer';
import { file } from './files';
import type { Verb } from './verbs';

/** RETR, STOR, APPE, STOU. */
export const transferVerbs: Readonly<Record<string, Verb>> = {
  async RETR(session, argument) {
    const { content } = file(session, argument);
    const { mark: spoken } = session.server.deviations;
    if (session.restart > content.size) throw new Refusal(`554 REST position (${session.restart}) > file size (${content.size})`);
    const mode = session.type === 'I' ? 'BINARY' : 'ASCII';
    const chunks = chunksOf(content, session.restart);
    const mark = `150 Opening ${mode} mode data connection for ${argument}${spoken === 'without size' ? '' : ` (${content.size} bytes)`}.`;
    await download(session, mark, session.type === 'I' ? chunks : withCRLF(chunks));
  },

  STOR: (session, argument) => receive(session, argument, session.restart, '150 Ok to send data.'),

  APPE: (session, argument) => receive(session, argument, 'end', '150 Ok to send data.'),

  async STOU(session) {
    let number = 1;
    while (session.server.files.has(session.path(`STOU.${number}`))) number += 1;
    session.server.write(session.path(`STOU.${number}`), ''); // nobody else gets the name meanwhile
    await receive(session, `STOU.${number}`, 0, `150 FILE: STOU.${number}`);
  },
};

async function receive(session: Session, argument: string, from: number | 'end', mark: string): Promise<void> {
  const path = session.path(argument);
  const { server, type } = session;
  server.requireWritable(path);
  await upload(session, mark, () => {
    const content = server.openUpload(path, from);
    return type === 'I' ? content : { ...content, take: withLF(content.take) };
  });
}
