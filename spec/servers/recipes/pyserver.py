#!/usr/bin/python3
"""FTP servers that are Python libraries: pyserver.py LIBRARY TLS PORT FIRST_PASSIVE_PORT LAST_PASSIVE_PORT

TLS is none, explicit (offered), required or implicit. Environment: FTP_USER, FTP_PASSWORD, FTP_HOME, FTP_PUB, FTP_PEM.
"""
import os
import pwd
import sys

library, tls, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
passive_ports = range(int(sys.argv[4]), int(sys.argv[5]) + 1)
USER, PASSWORD, HOME, PUB, PEM = (os.environ['FTP_' + name] for name in ('USER', 'PASSWORD', 'HOME', 'PUB', 'PEM'))


def pyftpdlib():
    from pyftpdlib import authorizers, handlers, ioloop, servers

    class ActiveDTP(handlers.ActiveDTP):
        def handle_connect(self):
            super().handle_connect()
            self._fileno = None                 # 1.5.7 keeps it, and when this is closed, whoever has got the number since is never looked at again

    class EndsTLS:
        def _do_ssl_shutdown(self):
            super()._do_ssl_shutdown()
            if self._ssl_closing and not (self._ssl_want_read or self._ssl_want_write):
                self._ssl_established = self._ssl_closing = False
                self.handle_ssl_shutdown()      # 1.5.7 tries again for ever where the client has sent FIN without close_notify: a core is busy until its RST

    class Secured(EndsTLS, handlers.TLS_FTPHandler):
        class dtp_handler(EndsTLS, handlers.TLS_DTPHandler):
            pass

    class Handler(handlers.FTPHandler if tls == 'none' else Secured):
        active_dtp = ActiveDTP
        authorizer = authorizers.DummyAuthorizer()

        def handle(self):
            if tls == 'implicit':               # pyftpdlib 1.5.7 has no implicit TLS of its own
                self.secure_connection(self.ssl_context)
                self._prot = True               # data connections are protected without PROT P
            super().handle()

    Handler.authorizer.add_user(USER, PASSWORD, HOME, perm='elradfmwMT')
    Handler.authorizer.add_anonymous(PUB, perm='elr')
    Handler.passive_ports = passive_ports
    Handler.use_gmt_times = True
    if tls != 'none':
        Handler.certfile = PEM
        Handler.tls_control_required = tls in ('required', 'implicit')
        Handler.tls_data_required = tls == 'required'
    loop = ioloop.IOLoop.instance()
    for host in ('127.0.0.1', '::1'):
        servers.FTPServer((host, port), Handler, ioloop=loop)
    loop.loop()


def aioftp():
    import asyncio
    import ssl
    import aioftp as library

    users = [library.User(USER, PASSWORD, base_path=HOME),
             library.User(base_path=PUB, permissions=[library.Permission('/', writable=False)])]
    context = None
    if tls == 'implicit':
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(PEM)
    asyncio.run(library.Server(users, data_ports=passive_ports, ssl=context).run('127.0.0.1', port))


def twisted():
    from twisted.cred.checkers import AllowAnonymousAccess, InMemoryUsernamePasswordDatabaseDontUse
    from twisted.cred.portal import Portal
    from twisted.internet import reactor
    from twisted.protocols.ftp import FTPFactory, FTPRealm
    from twisted.python.filepath import FilePath

    database = InMemoryUsernamePasswordDatabaseDontUse()
    database.addUser(USER, PASSWORD)
    realm = FTPRealm(PUB)
    realm.getHomeDirectory = lambda _: FilePath(HOME)
    factory = FTPFactory(Portal(realm, [database, AllowAnonymousAccess()]))
    factory.passivePortRange = passive_ports
    reactor.listenTCP(port, factory, interface='127.0.0.1')     # no EPSV, so there is no use for ::1
    reactor.run()


user = pwd.getpwnam(USER)                       # so that uploaded files belong to the user
os.setgroups([])
os.setgid(user.pw_gid)
os.setuid(user.pw_uid)
{'pyftpdlib': pyftpdlib, 'aioftp': aioftp, 'twisted': twisted}[library]()
