#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes subjects.pem, certificates with subjects of every kind, and subjects.txt, what Java (17) calls them:
# make_subjects.sh FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:?usage: make_subjects.sh FOLDER}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
openssl ecparam -name prime256v1 -genkey -noout -out "$work/key"
printf '[req]\nstring_mask = pkix\ndistinguished_name = dn\n[dn]\n' >"$work/old.cnf"

subject() { openssl req -x509 -new -key "$work/key" -utf8 -days 36500 -subj "$@" 2>>"$work/log" | openssl x509; }

{
    subject '/C=DE/ST=Bayern/L=München/O=Barnabas, Inc./OU=a+b/OU=second/CN=broker.example.com'
    subject '/CN=  leading and trailing  '
    subject '/CN=#hash/O="quoted" <a>;b\\c=d'
    subject '/CN=multi+OU=valued+O=set/DC=example/DC=org' -multivalue-rdn
    subject '/emailAddress=me@example.com/UID=joe/serialNumber=12/title=Dr/CN=x'
    subject '/street=Main St. 1/GN=Joe/SN=Doe/initials=J/CN=日本 🎉'
    subject '/businessCategory=Private/1.3.6.1.4.1.99999.1=own/CN=oid'
    subject $'/CN=tab\tand other  spaces'
    subject $'/dnQualifier=q/pseudonym=p/CN=carriage\r'
    subject '/CN=日本/O=München/OU=plain' -config "$work/old.cnf"
    keytool -genkeypair -alias odd -keyalg EC -dname 'CN="odd, name", OU=\ space, O=x+L=y, C=US' -validity 36500 \
        -keystore "$work/odd.p12" -storepass changeit 2>>"$work/log"
    keytool -exportcert -rfc -alias odd -keystore "$work/odd.p12" -storepass changeit 2>>"$work/log"
} >subjects.pem
java "$here/Subjects.java" subjects.pem >subjects.txt
