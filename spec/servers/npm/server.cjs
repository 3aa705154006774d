// FTP servers that are packages of npm: server.cjs PACKAGE TLS PORT FIRST_PASSIVE_PORT LAST_PASSIVE_PORT
//
// TLS is none, explicit (offered) or implicit. Environment: FTP_USER, FTP_PASSWORD, FTP_HOME, FTP_PUB, FTP_PEM.
// It runs as FTP_USER, so that uploaded files belong to that user. It must be plain JavaScript: it runs by itself.
const fs = require('node:fs');
const net = require('node:net');

const [name, tls, port, first, last] = process.argv.slice(2);
const { FTP_USER: USER, FTP_PASSWORD: PASSWORD, FTP_HOME: HOME, FTP_PUB: PUB, FTP_PEM: PEM } = process.env;

/** The folder of one who may log in, undefined for others. */
function homeOf(user, password) {
  if (user === 'anonymous') return PUB;
  return user === USER && password === PASSWORD ? HOME : undefined;
}

function certificate() {
  const pem = fs.readFileSync(PEM);
  return { key: pem, cert: pem };
}

const SERVERS = {
  ftpsrv() {
    const { FtpSrv } = require('ftp-srv');
    const server = new FtpSrv({
      url: `${tls === 'implicit' ? 'ftps' : 'ftp'}://127.0.0.1:${port}`,
      pasv_url: '127.0.0.1',
      anonymous: true,
      ...(tls === 'none' ? {} : { tls: certificate() }),
    });
    server.log.level('fatal');
    // It never closes the passive socket of a client that connects and leaves before the transfer, and gives up after five ports that are in use:
    // so the kernel chooses each.
    server.getNextPasvPort = async () => 0;
    server.on('login', ({ username, password }, resolve, reject) => {
      const root = homeOf(username, password);
      if (root === undefined) reject(new Error('wrong name or password'));
      else resolve({ root });
    });
    server.listen();
  },

  npmftpd() {
    const { FtpServer } = require('ftpd');
    // Its passive sockets listen on every address.
    const { listen } = net.Server.prototype;
    net.Server.prototype.listen = function (number, ...rest) {
      return listen.call(this, number, '127.0.0.1', ...rest);
    };
    const server = new FtpServer('127.0.0.1', {
      getInitialCwd: () => '/',
      getRoot: ({ username }) => (username === 'anonymous' ? PUB : HOME),
      pasvPortRangeStart: Number(first),
      pasvPortRangeEnd: Number(last),
      ...(tls === 'none' ? {} : { tlsOptions: certificate(), allowUnauthorizedTls: true }),
    });
    server.on('client:connected', (connection) => {
      let user;
      connection.on('command:user', (given, accept) => {
        user = given;
        accept();
      });
      connection.on('command:pass', (password, accept, refuse) => (homeOf(user, password) === undefined ? refuse() : accept(user)));
    });
    server.listen(Number(port));
  },

  simpleftpd() {
    const options = { host: '127.0.0.1', port: Number(port), root: HOME, maxConnections: 100, readOnly: false };
    require('simple-ftpd')(options, (session) => {
      session.log = () => undefined; // it logs what it sends, in colours
      session.on('pass', (user, password, done) => {
        const root = homeOf(user, password);
        session.root = root;
        if (root === undefined) done(new Error('wrong name or password'));
        else done();
      });
      session.on('read', (path, start, done) => done(null, fs.createReadStream(path, { start })));
      session.on('write', (path, start, done) => done(null, fs.createWriteStream(path, { start, flags: start > 0 ? 'r+' : 'w' })));
      for (const verb of ['stat', 'readdir', 'mkdir', 'unlink', 'rename']) session.on(verb, fs[verb]);
      session.on('remove', fs.rmdir);
    });
  },
};

// The packages throw from events of sockets now and then: that must not end everybody's sessions.
process.on('uncaughtException', (error) => console.error(error));
process.setgroups([]);
process.setgid(USER);
process.setuid(USER);
SERVERS[name]();
