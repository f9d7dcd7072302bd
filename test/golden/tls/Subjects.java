// SPDX-License-Identifier: Apache-2.0
// What Java calls the subjects of a file of certificates: java Subjects.java FILE
import java.io.FileInputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;

public class Subjects {
    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        for (Certificate certificate : factory.generateCertificates(new FileInputStream(arguments[0])))
            out.println(((X509Certificate) certificate).getSubjectX500Principal().getName());
    }
}
