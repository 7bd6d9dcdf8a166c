#!/bin/sh
# The whole way once, on real input: a description of a mail server becomes records, the
# receivers' algorithms prove them, they are published to a name server, and read back.
# Everything stays in the folder first-run; edit first-run/maildns.toml and run it again.
set -eu

mkdir -p first-run
cd first-run

show() {
    printf '\n\033[1m$ %s\033[0m\n' "$*"
    "$@"
}

# A name server of our own on loopback, signed with DNSSEC, which takes TSIG updates.
port=$(sed -n 's/^server = "127\.0\.0\.1:\([0-9]*\)"$/\1/p' maildns.toml 2>/dev/null || true)
rm -f lab/ready
maildns lab --zone example.com --zone example.org --zone 216.184.93.in-addr.arpa \
    --port "${port:-0}" --ready-file lab/ready >lab.log 2>&1 &
lab=$!
trap 'kill $lab 2>/dev/null; wait $lab 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM
tries=0
until [ -s lab/ready ]; do
    kill -0 $lab 2>/dev/null || { cat lab.log; exit 1; }
    tries=$((tries + 1))
    [ $tries -lt 300 ] || { echo "the lab did not start"; exit 1; }
    sleep 0.1
done
server=$(cat lab/ready)
echo "1. A name server to publish to: the lab, on $server (its log: first-run/lab.log)"

if [ ! -e maildns.toml ]; then
    printf '\n2. Describe the server and its two domains\n'
    show maildns lab certificate mail.example.com
    show maildns init --yes --server "$server" --domain example.com --domain example.org \
        --host mail.example.com --ipv4 93.184.216.34 --selector abc \
        --certificate tls/mail.example.com.crt --key tls/mail.example.com.key \
        --dmarc-reports-to postmaster@example.com
    sed -n '/\[publisher\.lab\]/,/key_file/s/^  //p' lab.log >>maildns.toml
else
    printf '\n2. The description is there already: first-run/maildns.toml\n'
fi

printf '\n3. What has to change, and the proof that mail works afterwards\n'
show maildns plan --server "$server"

printf '\n4. Publish it, and read it back\n'
show maildns apply --yes --server "$server"

printf '\n5. Once more: there must be nothing left to do\n'
show maildns plan --server "$server"
maildns prove --server "$server" >proof.txt
tail -n 1 proof.txt

printf '\n6. The same records for a DNS host with a web form\n'
show maildns export --format table --form generic
show maildns export --format html --out records.html

cat <<EOF

Done: described, planned, proven, published, read back.
  the description   first-run/maildns.toml
  the DKIM keys     first-run/keys/
  the zones         first-run/lab/*.zone
  the whole proof   first-run/proof.txt
  a page to paste from, in your browser
                    file://$PWD/records.html
Edit first-run/maildns.toml and run \`make run\` again to see what changes.
EOF
