#!/usr/bin/python3
"""Put the files that the specs expect into LAB/home and LAB/pub, after deleting what was in them: tree.py LAB USER

Servers may be running. Names are bytes here, because those in the folder "names" are not all UTF-8.
"""
import os
import pwd
import random
import shutil
import sys

lab, owner = os.fsencode(sys.argv[1]), pwd.getpwnam(sys.argv[2])


def fill(root):
    def write(name, content=b'x\n'):
        path = os.path.join(root, name if isinstance(name, bytes) else name.encode())
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as file:
            file.write(content)
        return path

    readme = write('readme.txt', b'hello\n')
    write('lines.txt', b'one\r\ntwo\nthree\n')
    write('zero.txt', b'')
    for name in ('with space.txt', ' lead.txt', '-dash.txt', '.hidden', 'ünïcode-ファイル.txt'):
        write(name)
    for name in ('empty', 'sub/deep', 'links', 'quote"dir', 'ünï-ファイル'):
        os.makedirs(os.path.join(root, name.encode()))
    os.symlink(b'readme.txt', os.path.join(root, b'link.txt'))
    os.symlink(b'nowhere', os.path.join(root, b'links/dangling'))

    # Each file holds the name of its name's encoding. The second byte of 表 in Shift_JIS is a backslash.
    for name, encoding in (('grüße.txt', 'utf-8'), ('ファイル.txt', 'utf-8'), ('façade.txt', 'latin-1'), ('größe.txt', 'latin-1'),
                           ('日本.txt', 'shift_jis'), ('表.txt', 'shift_jis')):
        write(b'names/' + name.encode(encoding), (encoding + '\n').encode())

    generator = random.Random(1)
    write('10m.bin', generator.randbytes(10 * 1024 * 1024))
    for number in range(300):
        write(f'small/{number:03}.bin', generator.randbytes(generator.choice((0, 1, 100, 1000, 4000, 9000))))
    os.utime(readme, (1582979696, 1582979696))          # 2020-02-29 12:34:56 UTC


def clear(root):
    for entry in os.scandir(root):                      # not the folder itself: sessions may be in it
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)


home, pub = os.path.join(lab, b'home'), os.path.join(lab, b'pub')
for root in (home, pub):
    clear(root)
    fill(root)
os.mkdir(os.path.join(pub, b'incoming'))
os.chmod(os.path.join(pub, b'incoming'), 0o1777)
for folder, _, files in os.walk(home):
    for path in (folder, *(os.path.join(folder, name) for name in files)):
        os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)
