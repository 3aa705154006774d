#!/usr/bin/tclsh
# The ftpd of tcllib: ftpd.tcl PORT. Environment: FTP_USER, FTP_PASSWORD, FTP_HOME, FTP_PUB.
# It has no chroot: a client that goes to a folder by its path is in the real file system.
package require ftpd

proc bgerror {message} {
    puts stderr $::errorInfo
}

# The package's passive sockets listen on every address.
rename socket any_socket
proc socket {args} {
    if {[lindex $args 0] eq "-server"} {
        set args [linsert $args 0 -myaddr 127.0.0.1]
    }
    any_socket {*}$args
}

proc authorised {user password} {
    expr {$user eq $::env(FTP_USER) && $password eq $::env(FTP_PASSWORD)}
}
proc allowed {user path operation} {
    return 1
}

set ftpd::port [lindex $argv 0]
set ftpd::cwd $env(FTP_HOME)
ftpd::config -authUsrCmd authorised -authFileCmd allowed -logCmd {}
ftpd::server
vwait forever
