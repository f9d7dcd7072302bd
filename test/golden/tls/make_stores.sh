#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the key stores and trust stores of this folder with openssl (3.0) and a JDK's keytool and java (17). They are
# kept in the tree, so that no test needs Java; run this only to make other ones: make_stores.sh FOLDER
# Passwords: stores "store-secret", keys "key-secret" where they differ. Everything is valid for a hundred years, but
# for what is named expired or future.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:?usage: make_stores.sh FOLDER}"
days=36500
store="store-secret"
key="key-secret"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }; }

# NAME SUBJECT ISSUER EXTENSIONS...: a key in $work/NAME.key and a certificate in $work/NAME.crt
certificate() {
    local name=$1 subject=$2 issuer=$3
    shift 3
    printf '%s\n' "$@" >"$work/$name.ext"
    quietly openssl req -new -key "$work/$name.key" -subj "$subject" -out "$work/$name.csr"
    if [ "$issuer" = self ]; then
        quietly openssl x509 -req -in "$work/$name.csr" -days $days -signkey "$work/$name.key" -extfile "$work/$name.ext" -out "$work/$name.crt"
    else
        quietly openssl x509 -req -in "$work/$name.csr" -days $days -CA "$work/$issuer.crt" -CAkey "$work/$issuer.key" -CAcreateserial -extfile "$work/$name.ext" -out "$work/$name.crt"
    fi
}
ec_key() { quietly openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/$1.key"; }
rsa_key() { quietly openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/$1.key"; }

ec_key root; ec_key intermediate; ec_key broker-ec; ec_key client; ec_key stranger
rsa_key broker
certificate root "/CN=Test Root/O=Barnabas" self "basicConstraints=critical,CA:TRUE" "keyUsage=critical,keyCertSign"
certificate intermediate "/CN=Test Intermediate/O=Barnabas" root "basicConstraints=critical,CA:TRUE" "keyUsage=critical,keyCertSign"
names="subjectAltName=DNS:localhost,IP:127.0.0.1"
certificate broker "/CN=broker.example.com/O=Barnabas" intermediate "$names"
certificate broker-ec "/CN=broker-ec.example.com/O=Barnabas" intermediate "$names"
certificate client "/CN=client/OU=Tests/O=Barnabas" intermediate "extendedKeyUsage=clientAuth"
certificate stranger "/CN=stranger/O=Elsewhere" self "basicConstraints=critical,CA:TRUE"

# PEM: keys in every form, chains, stores of key and chain in one file.
cat "$work/broker.crt" "$work/intermediate.crt" "$work/root.crt" >broker-chain.pem
cp "$work/root.crt" root.pem
cp "$work/broker.key" broker-key.pem
quietly openssl pkcs8 -topk8 -in "$work/broker.key" -passout pass:$key -v2 aes-256-cbc -out broker-key-encrypted.pem
quietly openssl pkcs8 -topk8 -in "$work/broker.key" -passout pass:$key -provider legacy -provider default -v1 PBE-SHA1-RC2-40 -out broker-key-rc2.pem
quietly openssl pkcs8 -topk8 -in "$work/broker.key" -passout pass:$key -scrypt -out broker-key-scrypt.pem
quietly openssl rsa -in "$work/broker.key" -traditional -out broker-key-pkcs1.pem
quietly openssl rsa -in "$work/broker.key" -traditional -aes128 -passout pass:$key -out broker-key-old-encrypted.pem
quietly openssl ec -in "$work/broker-ec.key" -out broker-ec-key-sec1.pem
cat "$work/broker-ec.crt" "$work/intermediate.crt" >broker-ec-chain.pem
cat broker-key.pem broker-chain.pem >broker.pem
cat broker-key-encrypted.pem broker-chain.pem >broker-encrypted.pem
cat broker-chain.pem "$work/client.key" >mismatched.pem
cat "$work/broker.key" "$work/intermediate.crt" "$work/broker.crt" >misordered.pem
cat "$work/broker.key" "$work/broker.crt" "$work/root.crt" >gap.pem
cat "$work/client.key" "$work/client.crt" "$work/intermediate.crt" >client.pem
cat "$work/root.crt" "$work/stranger.crt" >trust.pem

# PKCS12 by openssl, ciphers of now and of then.
export_store() { quietly openssl pkcs12 -export -name Broker -inkey "$work/broker.key" -in "$work/broker.crt" -certfile "$work/issuers.pem" "$@"; }
cat "$work/root.crt" "$work/intermediate.crt" >"$work/issuers.pem"
export_store -passout pass:$store -out openssl.p12
export_store -passout pass:$store -legacy -out openssl-legacy.p12
export_store -passout pass:$store -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1 -out openssl-3des.p12
export_store -passout pass:$store -nomac -out openssl-nomac.p12
export_store -passout pass: -out openssl-empty-password.p12
export_store -passout pass: -legacy -out openssl-legacy-empty-password.p12
export_store -passout pass:$store -keypbe NONE -certpbe NONE -out openssl-plain.p12
export_store -passout pass:$store -iter 5000001 -nomac -out openssl-iterations.p12
export_store -passout "pass:$(printf 'p\303\244ssw\303\266rd\342\202\254\360\237\224\221')" -out openssl-beyond-ascii.p12
# Small and quick to open, for tests that open them thousands of times.
quick() { quietly openssl pkcs12 -export -name quick -inkey "$work/broker-ec.key" -in "$work/broker-ec.crt" -iter 1 -passout pass:$store "$@"; }
quick -out quick.p12
quick -nomac -out quick-nomac.p12
quick -nomac -legacy -out quick-legacy-nomac.p12
quick -nomac -keypbe NONE -certpbe NONE -out quick-plain-nomac.p12
quietly openssl pkcs8 -topk8 -in "$work/broker-ec.key" -passout pass:$key -v2 aes-256-cbc -iter 1 -out quick-key-encrypted.pem
quietly openssl pkcs12 -export -nokeys -in "$work/root.crt" -passout pass:$store -out openssl-trust.p12
quietly openssl x509 -in "$work/root.crt" -outform DER -out root.der

# keytool's: JKS, PKCS12 of now and of then, and JCEKS.
convert() { quietly keytool -importkeystore -noprompt -srckeystore openssl.p12 -srcstoretype PKCS12 -srcstorepass $store -srcalias broker -deststorepass $store "$@"; }
convert -deststoretype JKS -destkeystore keytool.jks
convert -deststoretype JKS -destkeypass $key -destkeystore keytool-key-password.jks
convert -deststoretype PKCS12 -destkeystore keytool-is-pkcs12.jks
cp keytool-is-pkcs12.jks keytool.p12
convert -J-Dkeystore.pkcs12.legacy -deststoretype PKCS12 -destkeystore keytool-legacy.p12
convert -deststoretype JCEKS -destkeystore keytool.jceks
cp keytool.jks several.jks
quietly openssl pkcs12 -export -name broker-ec -inkey "$work/broker-ec.key" -in "$work/broker-ec.crt" -certfile "$work/intermediate.crt" -passout pass:$store -out "$work/ec.p12"
for type in JKS PKCS12; do
    file=several.$([ $type = JKS ] && echo jks || echo p12)
    [ $type = JKS ] || cp keytool.p12 several.p12
    quietly keytool -importkeystore -noprompt -srckeystore "$work/ec.p12" -srcstorepass $store -destkeystore "$file" -deststoretype $type -deststorepass $store
    quietly keytool -importcert -noprompt -alias "Root" -file "$work/root.crt" -keystore "$file" -storetype $type -storepass $store
done
for type in JKS PKCS12; do
    file=keytool-trust.$([ $type = JKS ] && echo jks || echo p12)
    quietly keytool -importcert -noprompt -alias root -file "$work/root.crt" -keystore "$file" -storetype $type -storepass $store
    quietly keytool -importcert -noprompt -alias stranger -file "$work/stranger.crt" -keystore "$file" -storetype $type -storepass $store
done
quietly keytool -importcert -noprompt -J-Dkeystore.pkcs12.legacy -alias root -file "$work/root.crt" -keystore keytool-trust-legacy.p12 -storetype PKCS12 -storepass $store
for when in expired:2020/01/01 future:2200/01/01; do
    for type in JKS PKCS12; do
        file=${when%%:*}.$([ $type = JKS ] && echo jks || echo p12)
        quietly keytool -genkeypair -alias broker -keyalg EC -groupname secp256r1 -dname "CN=${when%%:*}, O=Barnabas" -startdate "${when#*:} 00:00:00" -validity 30 -keystore "$file" -storetype $type -storepass $store -keypass $store
    done
done
quietly keytool -exportcert -rfc -alias broker -keystore expired.jks -storepass $store -file expired-trust.pem
openssl pkcs12 -in expired.p12 -passin pass:$store -nodes -out expired.pem 2>"$work/log"

# What keytool does not make: the store's and the key's password differ in PKCS12, passwords beyond ASCII, a key beside
# another's certificate, an empty store, JKS version 1.
quietly java "$here/OddStores.java" "$work/client.key" $store $key
python3 "$here/jks_version_1.py" keytool.jks jks-version-1.jks $store
