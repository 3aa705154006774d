#!/bin/bash
# Install the FTP servers of the table in servers.ts, and the proxies of that in proxies.ts, on Debian 12, as root; quick when there is nothing left to do.
# Run it with `npm run servers -- install`, which sets LAB (the folder), FTP_USER and FTP_PASSWORD.
# Outside of LAB it changes: Debian packages of libraries, the users $FTP_USER and ftp, /etc/pam.d/ftp. No service is enabled.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
packages=$LAB/packages debs=$LAB/debs conf=$LAB/conf tls=$LAB/tls

# Debian's FTP servers conflict with each other, and some begin to run, so they and the proxies are unpacked side by side; only libraries are installed.
servers=(vsftpd proftpd-core proftpd-mod-crypto proftpd-mod-proxy ftp-proxy pure-ftpd pure-ftpd-common inetutils-ftpd ftpd-ssl globus-gridftp-server-progs
  tinyproxy-bin microsocks dante-server squid squid-common squid-langpack)
libraries=(openssl libcap2 libpam0g libwrap0 libsodium23 libhiredis0.14 libmemcached11 libmemcachedutil2 libpcre2-posix3
  libglobus-gridftp-server6 libglobus-gfork0 libsqlite3-0 libldap-2.5-0
  libecap3 libtdb1 libltdl7 libnetfilter-conntrack3 libsasl2-2
  python3-pyftpdlib python3-openssl python3-aioftp python3-twisted tcl tcllib)

[[ $(id -u) == 0 ]] || { echo 'install: must be root' >&2; exit 1; }
install -d -m 755 "$LAB" "$LAB"/{conf,debs,empty,home,log,packages,pub,run,tls}

missing_libraries=() missing_servers=()
for name in "${libraries[@]}"; do
  dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q ' installed$' || missing_libraries+=("$name")
done
for name in "${servers[@]}"; do [[ -d $packages/$name ]] || missing_servers+=("$name"); done

if ((${#missing_libraries[@]} + ${#missing_servers[@]})); then apt-get update -qq; fi
if ((${#missing_libraries[@]})); then
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing_libraries[@]}"
fi
for name in "${missing_servers[@]}"; do
  rm -f "$debs/$name"_*.deb
  (cd "$debs" && apt-get download -qq -o APT::Sandbox::User=root "$name")
  rm -rf "$packages/$name.part"
  dpkg -x "$debs/$name"_*.deb "$packages/$name.part"
  mv "$packages/$name.part" "$packages/$name"
done
# proftpd looks for its modules in one folder.
install -d "$packages/proftpd-modules"
cp -u "$packages"/proftpd-{core,mod-crypto,mod-proxy}/usr/lib/proftpd/*.so "$packages/proftpd-modules/"

# Those of npm are in the project's own folder, and so is what the recipes need. Their scripts only make native parts that they can do without.
for folder in "$here/npm" "$here/../recipes"; do
  if ! cmp -s "$folder/package-lock.json" "$folder/node_modules/.installed"; then
    npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error
    cp "$folder/package-lock.json" "$folder/node_modules/.installed"
  fi
done

# "package version" lines, for the table.
dpkg-query -W -f '${Package} ${Version}\n' "${libraries[@]}" >"$LAB/versions"
for deb in "$debs"/*.deb; do dpkg-deb -W --showformat '${Package} ${Version}\n' "$deb"; done >>"$LAB/versions"

(cd "$here/npm" && node -p 'Object.keys(require("./package").dependencies).map((name) => `${name} ${require(`./package-lock`).packages[`node_modules/${name}`].version}`).join("\n")') >>"$LAB/versions"

# FTP_USER owns the files; ftp is what several servers turn into for anonymous users, some of them with its home folder as root.
user() { # name, home, more options for useradd
  local name=$1 home=$2 comment
  if ! getent passwd "$name" >/dev/null; then useradd -M -c ftplab -d "$home" "${@:3}" "$name"; fi
  IFS=: read -r _ _ _ _ comment current _ < <(getent passwd "$name")
  if [[ $current == "$home" ]]; then return; fi
  if [[ $comment == ftplab ]]; then usermod -d "$home" "$name"; else echo "install: the system's user $name has the home $current, not $home" >&2; fi
}
user "$FTP_USER" "$LAB/home" -U -s /bin/bash
user ftp "$LAB/pub" -r -g nogroup -s /bin/sh
uid=$(id -u "$FTP_USER") gid=$(id -g "$FTP_USER")
# Quick hashes: with the default ones a login costs 80 ms, and a second with Pure-FTPd.
echo "$FTP_USER:$FTP_PASSWORD" | chpasswd -c SHA512 -s 1000
hash=$(openssl passwd -6 "$FTP_PASSWORD")
# Without this file ftpd-ssl answers USER with 550.
[[ -e /etc/pam.d/ftp ]] || cp "$packages/ftpd-ssl/etc/pam.d/ftp" /etc/pam.d/ftp

# The proxies write as that user.
install -d -o "$FTP_USER" "$LAB"/log/{ftp-proxy,squid} "$LAB"/run/modproxy-{plain,user}.tables

# The same user for the servers with a password file of their own.
(
  umask 077
  printf '%s:%s:%s:%s::%s:/bin/sh\n' "$FTP_USER" "$hash" "$uid" "$gid" "$LAB/home" ftp '*' "$(id -u ftp)" "$(id -g ftp)" "$LAB/pub" >"$conf/proftpd.passwd"
  printf '%s:x:%s:\n' "$FTP_USER" "$gid" nogroup "$(id -g ftp)" >"$conf/proftpd.group"
  printf '%s:%s:%s:%s::%s/./::::::::::::\n' "$FTP_USER" "$hash" "$uid" "$gid" "$LAB/home" >"$conf/pureftpd.passwd"
  "$packages/pure-ftpd/usr/bin/pure-pw" mkdb "$conf/pureftpd.pdb" -f "$conf/pureftpd.passwd"
  printf '%s:%s\n' "$FTP_USER" "$(openssl passwd -apr1 "$FTP_PASSWORD")" >"$conf/squid.passwd"
  chown "$FTP_USER" "$conf/squid.passwd"
  # gridftp wants a DES hash, and a comment that is not empty.
  hash=$(perl -e 'print crypt(shift, "ab")' "$FTP_PASSWORD")
  printf '%s:%s:%s:%s:x:%s:/bin/bash\n' "$FTP_USER" "$hash" "$uid" "$gid" "$LAB/home" >"$conf/gridftp.passwd"
)

if [[ ! -s $tls/server.pem ]]; then
  openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=localhost -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1' \
    -keyout "$tls/key.pem" -out "$tls/cert.pem" 2>/dev/null
  chmod 600 "$tls/key.pem"
  install -m 640 -g "$FTP_USER" /dev/null "$tls/server.pem"
  cat "$tls/key.pem" "$tls/cert.pem" >"$tls/server.pem"
fi
printf '%s\n' 'openssl_conf = main' '[main]' 'ssl_conf = ssl' '[ssl]' 'system_default = default' '[default]' 'MaxProtocol = TLSv1.2' >"$tls/tls12.cnf"

[[ -e $LAB/home/readme.txt && -e $LAB/pub/readme.txt ]] || "$here/tree.py" "$LAB" "$FTP_USER"
