// SPDX-License-Identifier: Apache-2.0
// Stores that keytool refuses to make. Called by make_stores.sh, in the folder of the others.
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Key;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;

class OddStores {
    static KeyStore open(String type, String path, String password) throws Exception {
        KeyStore store = KeyStore.getInstance(type);
        try (FileInputStream in = new FileInputStream(path)) {
            store.load(in, password.toCharArray());
        }
        return store;
    }

    static KeyStore empty(String type) throws Exception {
        KeyStore store = KeyStore.getInstance(type);
        store.load(null, null);
        return store;
    }

    static void write(KeyStore store, String path, String password) throws Exception {
        try (FileOutputStream out = new FileOutputStream(path)) {
            store.store(out, password.toCharArray());
        }
    }

    public static void main(String[] arguments) throws Exception {
        String otherKeyPath = arguments[0], storePassword = arguments[1], keyPassword = arguments[2];
        KeyStore made = open("JKS", "keytool.jks", storePassword);
        Key key = made.getKey("broker", storePassword.toCharArray());
        Certificate[] chain = made.getCertificateChain("broker");

        KeyStore store = empty("PKCS12");
        store.setKeyEntry("broker", key, keyPassword.toCharArray(), chain);
        write(store, "java-key-password.p12", storePassword);

        String beyondAscii = "p\u00e4ssw\u00f6rd\u20ac\ud83d\udd11";
        store = empty("JKS");
        store.setKeyEntry("schl\u00fcssel", key, beyondAscii.toCharArray(), chain);
        write(store, "java-beyond-ascii.jks", beyondAscii);

        String pem = Files.readString(Path.of(otherKeyPath)).replaceAll("-----[^-]*-----|\\s", "");
        Key other = KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
        store = empty("JKS");
        store.setKeyEntry("mixed-up", other, storePassword.toCharArray(), chain);
        write(store, "java-mismatched.jks", storePassword);

        write(empty("JKS"), "java-empty.jks", storePassword);
        write(empty("PKCS12"), "java-empty.p12", storePassword);
    }
}
