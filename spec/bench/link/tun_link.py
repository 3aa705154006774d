"""Run a server in a network namespace of its own, behind a link that delays every packet.

    tun_link.py DELAY CLIENT SERVER PROGRAM ARGUMENT…

DELAY is in seconds, for one way. CLIENT and SERVER are the addresses of the link's two ends, in one /30. Each end is a TUN
device, and this process carries the packets between them. Prints "ready"; ends with its standard input. Needs root.
"""
import collections
import fcntl
import os
import select
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
LARGEST_PACKET = 65536

# It waits for its end of the link. The server is its child: vsftpd 3.0.3 does not survive being process 1 of its namespace.
GUEST = 'echo here; read -r go; ip link set lo up; ip address add "$1/30" dev "$2"; ip link set "$2" up; echo up; shift 2; "$@" & wait'


def tun(name):
    device = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack('16sH22x', name.encode(), IFF_TUN | IFF_NO_PI))
    return device


def carry(near, far, delay):
    other = {near: far, far: near}
    under_way = collections.deque()
    while True:
        wait = max(0, under_way[0][0] - time.monotonic()) if under_way else None
        readable, _, _ = select.select([near, far, 0], [], [], wait)
        now = time.monotonic()
        for source in readable:
            if source == 0:
                if not os.read(0, 1):
                    return
                continue
            try:
                while True:
                    under_way.append((now + delay, other[source], os.read(source, LARGEST_PACKET)))
            except BlockingIOError:
                pass
        now = time.monotonic()
        while under_way and under_way[0][0] <= now:
            _, target, packet = under_way.popleft()
            try:
                os.write(target, packet)
            except OSError:
                pass                            # a full queue drops packets, as on any link


delay, client, server = float(sys.argv[1]), sys.argv[2], sys.argv[3]
names = [f'ftpbench{os.getpid()}{end}'[-15:] for end in 'ab']
near, far = (tun(name) for name in names)
guest = subprocess.Popen(
    ['unshare', '--net', '--pid', '--fork', '--kill-child', 'sh', '-c', GUEST, 'sh', server, names[1], *sys.argv[4:]],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sys.stderr)
try:
    guest.stdout.readline()
    subprocess.check_call(['ip', 'link', 'set', names[1], 'netns', str(guest.pid)])
    subprocess.check_call(['ip', 'address', 'add', client + '/30', 'dev', names[0]])
    subprocess.check_call(['ip', 'link', 'set', names[0], 'up'])
    guest.stdin.write(b'go\n')
    guest.stdin.flush()
    guest.stdout.readline()
    print('ready', flush=True)
    carry(near, far, delay)
finally:
    guest.kill()
