#!/bin/sh
# Install the Debian packages that the tests start, when root; otherwise say what is missing.
set -eu
missing=""
for pair in named:bind9 named-checkzone:bind9-utils delv:bind9-dnsutils openssl:openssl chromium:chromium opendkim:opendkim \
    opendkim-testmsg:opendkim-tools node:nodejs ip:iproute2 knotd:knot kdig:knot-dnsutils unbound:unbound \
    postfix:postfix nsd:nsd dovecot:dovecot-imapd initdb:postgresql; do
    PATH="$PATH:/usr/sbin:$(echo /usr/lib/postgresql/*/bin | tr ' ' :)" command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair##*:}"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -q >/dev/null
    # The tests start their own servers; Debian's must not start one on port 53.
    printf '#!/bin/sh\nexit 101\n' >/tmp/maildns-policy-rc.d && chmod +x /tmp/maildns-policy-rc.d
    [ -e /usr/sbin/policy-rc.d ] || { cp /tmp/maildns-policy-rc.d /usr/sbin/policy-rc.d; ours=yes; }
    # Postfix asks at its installation what to be; ours have folders of their own.
    ! command -v debconf-set-selections >/dev/null ||
        echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections
    # shellcheck disable=SC2086 # a list of package names
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null
    [ "${ours:-}" != yes ] || rm -f /usr/sbin/policy-rc.d
    rm -f /tmp/maildns-policy-rc.d
else
    echo "some tests need these Debian packages:$missing"
fi
