#!/usr/bin/python3
"""A small inetd: inetd.py PORT HOST[,HOST...] -- PROGRAM ARGS...

Each connection becomes stdin and stdout of a new PROGRAM; stderr stays the log.
"""
import os
import selectors
import signal
import socket
import sys

port, hosts, program = int(sys.argv[1]), sys.argv[2].split(','), sys.argv[4:]
signal.signal(signal.SIGCHLD, signal.SIG_IGN)          # nobody waits for the children
listeners = selectors.DefaultSelector()
for host in hosts:
    listener = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(128)
    listeners.register(listener, selectors.EVENT_READ)
while True:
    for key, _ in listeners.select():
        connection, _ = key.fileobj.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)   # the servers wait for children of their own
            os.dup2(connection.fileno(), 0)
            os.dup2(connection.fileno(), 1)
            os.execv(program[0], program)                   # Python's sockets close on exec
        connection.close()
