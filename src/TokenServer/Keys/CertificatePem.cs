using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;

namespace AuthIndex.TokenServer.Keys;

/// <summary>The PEM files of private certificate authorities: P-256 keys of mode 600, and certificates.</summary>
internal static class CertificatePem
{
    /// <summary>How long before now a certificate becomes valid, for verifiers whose clock is behind.</summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromHours(1);

    /// <summary>Makes a key file; false when it exists.</summary>
    public static bool EnsureKey(string file)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return DurableFile.Create(file, Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem() + "\n"));
    }

    /// <summary>Reads a P-256 private key from a PEM file.</summary>
    /// <exception cref="OperatorException">It cannot be used.</exception>
    public static ECDsa LoadKey(string file, string remedy)
    {
        var pem = Encoding.ASCII.GetString(SecretFile.Read(file, "the key", remedy));
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
            return key;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            key.Dispose();
            throw new OperatorException($"the key {file} cannot be used: {e.Message}", e);
        }
    }

    /// <summary>Reads the first certificate of a file.</summary>
    /// <exception cref="OperatorException">It cannot be used.</exception>
    public static X509Certificate2 LoadCertificate(string file)
    {
        try
        {
            return X509Certificate2.CreateFromPem(File.ReadAllText(file));
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new OperatorException($"the certificate {file} cannot be used: {e.Message}", e);
        }
    }

    /// <summary>Makes the certificate of an authority that issues no further authorities.</summary>
    public static X509Certificate2 MakeAuthority(string name, ECDsa key, DateTimeOffset now, int years)
    {
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(
            new X509BasicConstraintsExtension(
                certificateAuthority: true, hasPathLengthConstraint: true, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        return request.CreateSelfSigned(now - ClockSkew, now.AddYears(years));
    }

    /// <summary>Whether a certificate belongs to a key.</summary>
    public static bool IsOf(X509Certificate2 certificate, ECDsa key) =>
        certificate.PublicKey.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(key.ExportSubjectPublicKeyInfo());
}
