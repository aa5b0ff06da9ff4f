using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;

namespace AuthIndex.TokenServer.Identity;

/// <summary>
/// Which account a client certificate is: <c>cert:NAME</c> for a common name, or the SPIFFE ID as it stands. Two different names
/// are two different accounts, and none is that of a person: an account of htpasswd or a directory has no colon in its name.
/// </summary>
internal static partial class CertificateAccount
{
    private const string CommonNameId = "2.5.4.3"; // id-at-commonName, RFC 5280 appendix A.1
    private const string AlternativeNameId = "2.5.29.17"; // id-ce-subjectAltName, RFC 5280 section 4.2.1.6
    private static readonly Asn1Tag UriName = new(TagClass.ContextSpecific, 6);

    /// <summary>The account of the one common name in the subject.</summary>
    /// <returns>Null when there is none, more than one, or one that is no name for an account.</returns>
    public static string? OfCommonName(X509Certificate2 certificate)
    {
        string? found = null;
        foreach (var part in certificate.SubjectName.EnumerateRelativeDistinguishedNames())
        {
            if (part.HasMultipleElements) return null; // which of them were meant is not for this server to guess
            if (part.GetSingleElementType().Value != CommonNameId) continue;
            if (found is not null) return null;
            found = part.GetSingleElementValue() ?? "";
        }

        return found is null || AccountName.Problem(found) is not null ? null : $"cert:{found}";
    }

    /// <summary>The SPIFFE ID of an X.509-SVID (SPIFFE X.509-SVID section 2): the only URI among the alternative names.</summary>
    /// <returns>Null when there is none, more than one, or one that is no SPIFFE ID of a workload.</returns>
    public static string? OfSpiffeId(X509Certificate2 certificate)
    {
        try
        {
            var uris = certificate.Extensions.Where(e => e.Oid?.Value == AlternativeNameId).SelectMany(e => Uris(e.RawData)).ToList();
            return uris is [var id] && id.Length <= AccountName.MaxLength && SpiffeId().IsMatch(id) && !id.Split('/').Skip(3).Any(s => s is "." or "..") ? id : null;
        }
        catch (Exception e) when (e is AsnContentException or CryptographicException)
        {
            return null; // an extension that is no list of names names nobody
        }
    }

    private static List<string> Uris(byte[] extension)
    {
        var found = new List<string>();
        var names = new AsnReader(extension, AsnEncodingRules.DER).ReadSequence();
        while (names.HasData)
        {
            if (names.PeekTag().HasSameClassAndValue(UriName)) found.Add(names.ReadCharacterString(UniversalTagNumber.IA5String, UriName));
            else names.ReadEncodedValue();
        }

        return found;
    }

    // SPIFFE-ID section 2: a trust domain, and a path of at least one segment, since without one it is the domain itself.
    [GeneratedRegex(@"\Aspiffe://[a-z0-9._-]+(/[A-Za-z0-9._-]+)+\z", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex SpiffeId();
}
