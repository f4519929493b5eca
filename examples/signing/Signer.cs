using System;
using System.Collections.Generic;
using System.Linq;
using System.Security.Cryptography;
using System.Text;

/// <summary>Signs requests to the national interface. The vectors are those of the integrators' guide.</summary>
public static class Signer
{
    /// <summary>Profile A: the headers sorted by name, name=value joined by &amp;, HMAC-SHA1, Base64.</summary>
    public static string SignA(IDictionary<string, string> headers, string secret)
    {
        var ordered = headers.OrderBy(header => header.Key, StringComparer.Ordinal);
        var text = string.Join("&", ordered.Select(header => header.Key + "=" + header.Value));
        using (var mac = new HMACSHA1(Encoding.UTF8.GetBytes(secret)))
        {
            return Convert.ToBase64String(mac.ComputeHash(Encoding.UTF8.GetBytes(text)));
        }
    }

    /// <summary>Profile B: SHA-256 of timestamp, secret, nonce and timestamp, in lower-case hexadecimal.</summary>
    public static string SignB(string timestamp, string secret, string nonce)
    {
        using (var sha = SHA256.Create())
        {
            var digest = sha.ComputeHash(Encoding.UTF8.GetBytes(timestamp + secret + nonce + timestamp));
            return string.Concat(digest.Select(octet => octet.ToString("x2")));
        }
    }

    public static void Main()
    {
        var headers = new Dictionary<string, string>
        {
            ["_api_name"] = "callService",
            ["_api_version"] = "1.0.0",
            ["_api_timestamp"] = "1526090400000",
            ["_api_access_key"] = "demo-key",
        };
        Check(SignA(headers, "demo-secret-a"), "+sdxYDJ1PNLoukKPhWSBmnVMyu0=");
        Check(
            SignB("1526090400", "demo-secret-b", "0123456789abcdef"),
            "ce7359cf7e7d592d76778f636ccd7559271207a31771492c6d4569b709a7c50b");
    }

    private static void Check(string made, string expected)
    {
        Console.WriteLine(made == expected ? "ok" : "wrong: " + made);
    }
}
