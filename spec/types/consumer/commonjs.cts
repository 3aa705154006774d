import ftplib = require('ftplib');

const { FTP, ReplyParser, allErrors, ftpcp, netrc, parse227 } = ftplib;

export async function use(ftp: ftplib.FTP): Promise<number> {
  const stream: ftplib.RetrStream<ftplib.Entry> = ftp.list();
  for await (const { name } of stream) name.trim();
  const copied = await ftpcp(ftp, 'a', new FTP('ftp://localhost'), 'b');
  ftplib.open('ftp://localhost/a').pipe(new ReplyParser());
  const { port } = parse227('227 (127,0,0,1,1,1)');
  // @ts-expect-error it is called name
  for await (const { nmae } of ftp.list()) nmae;
  return copied.source.code + port + allErrors.length + (netrc().authenticators('a')?.login.length ?? 0) + (await ftp.size('a'));
}
