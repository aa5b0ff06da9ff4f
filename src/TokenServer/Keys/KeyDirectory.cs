using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Keys;

/// <summary>
/// The folder of signing keys: PKCS#8 PEM files of mode 600, named <c>yyyyMMddTHHmmssZ-xxxxxxxx.pem</c> after the time from which they sign
/// and the beginning of their <c>kid</c>. The names are the only state, so that all servers that read the folder agree, and the greatest
/// name is the newest key.
/// </summary>
internal static class KeyDirectory
{
    private const string Stamp = "yyyyMMdd'T'HHmmss'Z'";
    private const int StampLength = 16;
    private const string Remedy = "run init to create one";

    /// <summary>Makes a key file, atomically and with mode 600.</summary>
    /// <param name="directory">The folder.</param>
    /// <param name="time">The clock.</param>
    /// <param name="algorithm">ES256 or RS256.</param>
    /// <param name="ahead">How long it is to be published before it signs.</param>
    /// <returns>The file's path.</returns>
    public static string Create(string directory, TimeProvider time, string algorithm = TokenProfile.Es256, TimeSpan ahead = default)
    {
        using AsymmetricAlgorithm secret = algorithm == TokenProfile.Rs256
            ? RSA.Create(SigningKey.RsaBits)
            : ECDsa.Create(SigningKey.Generate());
        var key = KeyOf(secret);

        // In whole seconds, and never earlier than asked for.
        var signsFrom = ahead == TimeSpan.Zero
            ? time.GetUtcNow()
            : time.GetUtcNow() + ahead + TimeSpan.FromTicks(TimeSpan.TicksPerSecond - 1);
        var path = Path.Combine(directory, $"{signsFrom.UtcDateTime.ToString(Stamp, CultureInfo.InvariantCulture)}-{key.Id[..8]}.pem");
        DurableFile.Create(path, Encoding.ASCII.GetBytes(secret.ExportPkcs8PrivateKeyPem() + "\n"));
        return path;
    }

    /// <summary>The key files, newest first; none when the folder is empty or missing.</summary>
    public static IReadOnlyList<string> List(string directory) => Directory.Exists(directory)
        ? [.. Directory.EnumerateFiles(directory, "*.pem").OrderByDescending(Path.GetFileName, StringComparer.Ordinal)]
        : [];

    /// <summary>Reads every key, newest first; never empty.</summary>
    /// <exception cref="OperatorException">There is none, or one cannot be used.</exception>
    public static IReadOnlyList<KeyFile> Load(string directory)
    {
        var files = List(directory).Select(Read).ToList();
        return files.Count > 0 ? files : throw new OperatorException($"there is no signing key in {directory}: {Remedy}");
    }

    /// <summary>Reads one key file and the start time in its name.</summary>
    /// <exception cref="OperatorException">It cannot be used.</exception>
    public static KeyFile Read(string path)
    {
        var name = Path.GetFileName(path);
        if (name.Length <= StampLength || name[StampLength] is not ('-' or '.')
            || !DateTimeOffset.TryParseExact(
                name.AsSpan(0, StampLength), Stamp, CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var signsFrom))
        {
            throw new OperatorException(
                $"the signing key {path} has no start time in its name: name it like 20300102T030405Z-name.pem, in UTC");
        }

        var pem = Encoding.ASCII.GetString(SecretFile.Read(path, "the signing key", Remedy));
        try
        {
            // The kind is inside (RFC 5958); RSA is tried when it is not an elliptic-curve key.
            using var secret = Import(pem);
            return new KeyFile(path, signsFrom, KeyOf(secret));
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            // The library's message describes only the form; it never contains the key.
            throw new OperatorException(
                $"the signing key {path} is not a PKCS#8 PEM file of a P-256 or RSA key of {SigningKey.LeastRsaBits} bits or more: "
                + $"{e.Message}", e);
        }
    }

    /// <summary>Deletes a key file durably; certificates made for it stay.</summary>
    public static void Remove(string path)
    {
        File.Delete(path);
        DurableFile.SyncDirectory(ParentFolder.Of(Path.GetFullPath(path)));
    }

    private static AsymmetricAlgorithm Import(string pem)
    {
        var ecdsa = ECDsa.Create();
        try
        {
            ecdsa.ImportFromPem(pem);
            return ecdsa;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            ecdsa.Dispose();
        }

        var rsa = RSA.Create();
        try
        {
            rsa.ImportFromPem(pem);
            return rsa;
        }
        catch
        {
            rsa.Dispose();
            throw;
        }
    }

    private static SigningKey KeyOf(AsymmetricAlgorithm secret)
    {
        if (secret is RSA rsa)
        {
            return rsa.KeySize >= SigningKey.LeastRsaBits
                ? new SigningKey(rsa.ExportParameters(includePrivateParameters: true))
                : throw new CryptographicException($"its RSA key has {rsa.KeySize} bits");
        }

        var parameters = ((ECDsa)secret).ExportParameters(includePrivateParameters: true);
        return parameters.Curve.Oid.Value == ECCurve.NamedCurves.nistP256.Oid.Value
            ? new SigningKey(parameters)
            : throw new CryptographicException("its curve is not P-256, which ES256 needs");
    }
}
