using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;

namespace AuthIndex.TokenServer.Keys;

/// <summary>One key file.</summary>
/// <param name="Path">Where it lies.</param>
/// <param name="Key">What it holds.</param>
internal sealed record KeyFile(string Path, SigningKey Key);

/// <summary>
/// The folder of signing keys: PKCS#8 PEM files of mode 600, named <c>yyyyMMddTHHmmssZ-xxxxxxxx.pem</c> after the time they
/// were made, so that the greatest name is the newest key.
/// </summary>
internal static class KeyDirectory
{
    private const string Remedy = "run init to make one";

    /// <summary>Makes a key file; nothing is there but a whole file, and only for the owner.</summary>
    /// <returns>The file's path.</returns>
    public static string Create(string directory, TimeProvider time)
    {
        var parameters = SigningKey.Generate();
        using var ecdsa = ECDsa.Create(parameters);
        var stamp = time.GetUtcNow().ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        var path = Path.Combine(directory, $"{stamp}-{Convert.ToHexStringLower(parameters.Q.X.AsSpan(0, 4))}.pem");
        DurableFile.Create(path, Encoding.ASCII.GetBytes(ecdsa.ExportPkcs8PrivateKeyPem() + "\n"));
        return path;
    }

    /// <summary>The key files, newest first; none when the folder is empty or missing.</summary>
    public static IReadOnlyList<string> List(string directory) => Directory.Exists(directory)
        ? [.. Directory.EnumerateFiles(directory, "*.pem").OrderByDescending(Path.GetFileName, StringComparer.Ordinal)]
        : [];

    /// <summary>Reads every key, newest first; never none.</summary>
    /// <exception cref="OperatorException">There is none, or one cannot be used.</exception>
    public static IReadOnlyList<KeyFile> Load(string directory)
    {
        var files = List(directory).Select(path => new KeyFile(path, Read(path))).ToList();
        return files.Count > 0 ? files : throw new OperatorException($"there is no signing key in {directory}: {Remedy}");
    }

    private static SigningKey Read(string path)
    {
        var pem = Encoding.ASCII.GetString(SecretFile.Read(path, "the signing key", Remedy));
        try
        {
            using var ecdsa = ECDsa.Create();
            ecdsa.ImportFromPem(pem);
            var parameters = ecdsa.ExportParameters(includePrivateParameters: true);
            return parameters.Curve.Oid.Value == ECCurve.NamedCurves.nistP256.Oid.Value
                ? new SigningKey(parameters)
                : throw new OperatorException($"the signing key {path} is not on the curve P-256, which ES256 needs");
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            // Only the library's words about the form: the exception never holds the key.
            throw new OperatorException($"the signing key {path} is no PKCS#8 PEM file of an elliptic-curve key: {e.Message}", e);
        }
    }
}
