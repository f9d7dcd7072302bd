#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the certificates that a cluster needs to try TLS out: a certificate authority (CA), one certificate for the broker
# and one for each client, in every form that brokers and clients read. For development: the passwords are the same
# everywhere and known, and the CA's key lies beside the rest.
set -euo pipefail

usage() {
    cat >&2 << END
USAGE: $0 [OPTION]... FOLDER
Makes a development CA and certificates signed by it in FOLDER. A CA that is there is kept and signs what is missing; nothing
is overwritten but what --renew names.

  --host NAME        a name or address of the broker, for its certificate; may come several times (beside localhost,
                     127.0.0.1, ::1 and this machine's name)
  --client NAME      a client's certificate, with the subject CN=NAME; may come several times (client)
  --renew NAME       makes a new key and certificate for broker or that client, by the CA that is there
  --days NUMBER      how long certificates hold (365)
  --password WORD    of all stores and keys (changeit)

FOLDER then holds, for NAME broker and each client:
  ca.pem, truststore.p12, truststore.jks     whom to trust: the CA, three times
  NAME.pem                                   key and certificates in one file, as Apache Kafka reads PEM stores
  NAME.key.pem, NAME.certificate.pem         the same in two files, the key without a password
  NAME.p12, NAME.jks                         the same as PKCS12 and JKS, with the password
The trust stores and what ends in .jks are made when Java's keytool is there; ca.pem serves all without it.
END
    exit 1
}

hosts=(localhost 127.0.0.1 ::1 "$(uname -n)")
clients=()
renewed=()
days=365
password=changeit
folder=

fail() {
    echo "kafka-make-dev-certificates: $*" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case $1 in
    --host | --client | --renew | --days | --password)
        [ $# -ge 2 ] || usage
        case $1 in
        --host) hosts+=("$2") ;;
        --client) clients+=("$2") ;;
        --renew) renewed+=("$2") ;;
        --days) days=$2 ;;
        --password) password=$2 ;;
        esac
        shift 2
        ;;
    -*) usage ;;
    *)
        [ -z "$folder" ] || usage
        folder=$1
        shift
        ;;
    esac
done
[ -n "$folder" ] || usage
[ ${#password} -ge 6 ] || fail "a password has six characters at least, since keytool takes no shorter one"
command -v openssl > /dev/null || fail "there is no openssl: apt-get install openssl"
# Without any name: client, but not when --renew alone was asked for.
if [ ${#clients[@]} -eq 0 ] && [ ${#renewed[@]} -eq 0 ]; then
    clients=(client)
fi
for name in "${clients[@]}" "${renewed[@]}"; do
    [[ $name =~ ^[A-Za-z0-9._-]+$ ]] || fail "the name $name is not made of letters, digits, dots, dashes and underscores"
    [[ $name != ca && $name != truststore ]] || fail "the name $name is taken"
done

umask 077
mkdir -p "$folder"
cd "$folder"
work=$(mktemp -d ./.work-XXXXXX)
trap 'rm -rf "$work"' EXIT

# Runs a command and shows what it said only when it failed.
quietly() {
    if ! "$@" > "$work/said" 2>&1; then
        cat "$work/said" >&2
        fail "could not run: $1 $2"
    fi
}

has_keytool() { command -v keytool > /dev/null; }

# to_jks FROM TO: a PKCS12 file as JKS, in the binary format.
to_jks() {
    quietly keytool -importkeystore -noprompt -srckeystore "$1" -srcstoretype PKCS12 -srcstorepass "$password" \
        -destkeystore "$work/jks" -deststoretype JKS -deststorepass "$password" -destkeypass "$password"
    mv "$work/jks" "$2"
}

make_ca() {
    quietly openssl req -x509 -newkey rsa:3072 -sha256 -nodes -days "$days" -subj "/CN=Development CA" \
        -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" \
        -keyout ca.key.pem -out ca.pem
}

# In a PKCS12 file only certificates with a mark of Java's count as trusted, which keytool sets and Debian's openssl cannot.
make_trust_stores() {
    quietly keytool -importcert -noprompt -alias ca -file ca.pem -keystore "$work/p12" -storetype PKCS12 -storepass "$password"
    quietly keytool -importcert -noprompt -alias ca -file ca.pem -keystore "$work/jks" -storetype JKS -storepass "$password"
    mv "$work/p12" truststore.p12
    mv "$work/jks" truststore.jks
}

# The names as a certificate lists them: DNS:localhost,IP:127.0.0.1…
alternative_names() {
    local host list=
    for host in "${hosts[@]}"; do
        if [[ $host =~ ^[0-9.]+$ || $host == *:* ]]; then
            list+=,IP:$host
        else
            list+=,DNS:$host
        fi
    done
    printf '%s\n' "${list#,}"
}

# make_certificate NAME SUBJECT: the key, the certificate with the CA's behind it, and both in every form.
make_certificate() {
    local name=$1
    {
        echo "basicConstraints=CA:FALSE"
        echo "keyUsage=digitalSignature,keyEncipherment"
        # A broker is a client of other brokers, too.
        echo "extendedKeyUsage=$([ "$name" = broker ] && echo serverAuth,)clientAuth"
        [ "$name" != broker ] || echo "subjectAltName=$(alternative_names)"
    } > "$work/extensions"
    quietly openssl req -new -newkey rsa:2048 -sha256 -nodes -subj "$2" -keyout "$work/key.pem" -out "$work/request.pem"
    quietly openssl x509 -req -in "$work/request.pem" -CA ca.pem -CAkey ca.key.pem -sha256 -days "$days" \
        -set_serial "0x$(openssl rand -hex 8)" -extfile "$work/extensions" -out "$work/own.pem"
    cat "$work/own.pem" ca.pem > "$work/certificate.pem"
    cat "$work/key.pem" "$work/certificate.pem" > "$work/both.pem"
    quietly openssl pkcs12 -export -name "$name" -inkey "$work/key.pem" -in "$work/certificate.pem" \
        -passout "pass:$password" -out "$work/store.p12"
    if has_keytool; then
        to_jks "$work/store.p12" "$name.jks"
    fi
    # Renamed into place, so that a broker that looks meanwhile sees old or new ones whole.
    mv "$work/key.pem" "$name.key.pem"
    mv "$work/certificate.pem" "$name.certificate.pem"
    mv "$work/both.pem" "$name.pem"
    mv "$work/store.p12" "$name.p12"
}

if [ ! -e ca.key.pem ]; then
    make_ca
fi
if [ ! -e truststore.p12 ] && has_keytool; then
    make_trust_stores
fi
for name in "${renewed[@]}"; do
    rm -f "$name.pem"
done
for name in broker "${clients[@]}" "${renewed[@]}"; do
    if [ ! -e "$name.pem" ]; then
        make_certificate "$name" "/CN=$name"
        echo "Made $name: $(openssl x509 -in "$name.certificate.pem" -noout -enddate | sed 's/notAfter=/valid until /')"
    fi
done
