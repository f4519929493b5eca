import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Signs requests to the national interface: {@code java Signer A keyId secret millis} or {@code B secret seconds nonce}. */
public final class Signer {
    private Signer() {}

    /** Profile A: the headers sorted by name, name=value joined by &, HMAC-SHA1, Base64. */
    public static String signA(Map<String, String> headers, String secret) throws Exception {
        String text = new TreeMap<>(headers).entrySet().stream()
                .map(header -> header.getKey() + "=" + header.getValue())
                .collect(Collectors.joining("&"));
        Mac mac = Mac.getInstance("HmacSHA1");
        mac.init(new SecretKeySpec(secret.getBytes(StandardCharsets.UTF_8), "HmacSHA1"));
        return Base64.getEncoder().encodeToString(mac.doFinal(text.getBytes(StandardCharsets.UTF_8)));
    }

    /** Profile B: SHA-256 of timestamp, secret, nonce and timestamp, in lower-case hexadecimal. */
    public static String signB(String timestamp, String secret, String nonce) throws Exception {
        byte[] text = (timestamp + secret + nonce + timestamp).getBytes(StandardCharsets.UTF_8);
        StringBuilder shown = new StringBuilder();
        for (byte octet : MessageDigest.getInstance("SHA-256").digest(text)) {
            shown.append(String.format("%02x", octet));
        }
        return shown.toString();
    }

    public static void main(String[] given) throws Exception {
        if (given[0].equals("A")) {
            Map<String, String> headers = Map.of(
                    "_api_name", "callService",
                    "_api_version", "1.0.0",
                    "_api_timestamp", given[3],
                    "_api_access_key", given[1]);
            System.out.println(signA(headers, given[2]));
        } else {
            System.out.println(signB(given[2], given[1], given[3]));
        }
    }
}
