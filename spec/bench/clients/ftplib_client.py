"""Python's ftplib at the work of work.ts: ftplib_client.py ORDER, an outcome as JSON on descriptor 3."""
import ftplib
import io
import json
import os
import resource
import ssl
import sys
import time

order = json.loads(sys.argv[1])
place, work = order['place'], order['work']
BLOCK = 65536


def connect():
    if place.get('ca'):
        client = ftplib.FTP_TLS(context=ssl.create_default_context(cafile=place['ca']))
        client.connect('localhost' if place['host'] == '127.0.0.1' else place['host'], place['port'])
    else:
        client = ftplib.FTP()
        client.connect(place['host'], place['port'])
    client.login(place['user'], place['password'])
    if place.get('ca'):
        client.prot_p()
    return client


def act(client):
    kind, counted = work['kind'], 0

    def count(chunk):
        nonlocal counted
        counted += len(chunk)

    if kind == 'drain':
        for name in work['names']:
            client.retrbinary('RETR ' + name, count, BLOCK)
    elif kind == 'download':
        with open(work['file'], 'wb') as file:
            client.retrbinary('RETR ' + work['name'], file.write, BLOCK)
    elif kind in ('upload', 'put'):
        with open(work['file'], 'rb') as file:
            client.storbinary('STOR ' + work['name'], file, BLOCK)
    elif kind == 'fill':
        content = b'x' * max(work['sizes'])
        for name, size in zip(work['names'], work['sizes']):
            client.storbinary('STOR ' + name, io.BytesIO(content[:size]), BLOCK)
        counted = sum(work['sizes'])
    elif kind == 'list':
        lines = []
        client.retrlines('LIST ' + work['path'], lines.append)
        counted = len(lines)
    elif kind == 'sizes':
        client.voidcmd('TYPE I')
        counted = sum(client.size(name) for name in work['names'])
    elif kind == 'print':
        client.retrbinary('RETR ' + work['name'], lambda chunk: os.write(1, chunk), BLOCK)
    else:
        sys.exit(f'no such work: {kind}')
    return counted


def spent():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


client = connect()
peak_before, cpu_before, started = peak(), spent(), time.monotonic()
counted = act(client)
seconds, cpu = time.monotonic() - started, spent() - cpu_before
os.write(3, json.dumps({'seconds': seconds, 'cpu': cpu, 'peak': peak(), 'growth': peak() - peak_before, 'counted': counted}).encode())
client.quit()
