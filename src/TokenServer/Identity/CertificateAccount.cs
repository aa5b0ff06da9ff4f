using System.Security.Cryptography.X509Certificates;
using AuthIndex.Hosting.Tls;

namespace AuthIndex.TokenServer.Identity;

/// <summary>
/// Which account a client certificate is: <c>cert:NAME</c> for a common name, or the SPIFFE ID unchanged. Two different names are two
/// different accounts, and none is that of a person: an account of htpasswd or a directory has no colon in its name.
/// </summary>
internal static class CertificateAccount
{
    private const string CommonNameId = "2.5.4.3"; // id-at-commonName, RFC 5280 appendix A.1

    /// <summary>The account of the one common name in the subject.</summary>
    /// <returns>Null when there is none, more than one, or one that is not a valid account name.</returns>
    public static string? OfCommonName(X509Certificate2 certificate)
    {
        string? found = null;
        foreach (var part in certificate.SubjectName.EnumerateRelativeDistinguishedNames())
        {
            if (part.HasMultipleElements) return null; // ambiguous
            if (part.GetSingleElementType().Value != CommonNameId) continue;
            if (found is not null) return null;
            found = part.GetSingleElementValue() ?? "";
        }

        return found is null || AccountName.Problem(found) is not null ? null : $"cert:{found}";
    }

    /// <summary>The SPIFFE ID of an X.509-SVID.</summary>
    /// <returns>Null when there is none, or one that is too long for an account.</returns>
    public static string? OfSpiffeId(X509Certificate2 certificate) =>
        SpiffeId.OfWorkload(certificate) is { Length: <= AccountName.MaxLength } id ? id : null;
}
