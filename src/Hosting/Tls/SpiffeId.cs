using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;

namespace AuthIndex.Hosting.Tls;

/// <summary>SPIFFE IDs in certificates (SPIFFE-ID section 2, X.509-SVID sections 2 and 3).</summary>
public static partial class SpiffeId
{
    private const string AlternativeNameId = "2.5.29.17"; // id-ce-subjectAltName, RFC 5280 section 4.2.1.6
    private static readonly Asn1Tag UriName = new(TagClass.ContextSpecific, 6);

    /// <summary>The ID of a workload: the only URI among the certificate's alternative names.</summary>
    /// <returns>Null when there is none, more than one, or one that is not the SPIFFE ID of a workload.</returns>
    public static string? OfWorkload(X509Certificate2 certificate) =>
        OnlyUri(certificate) is { } id && Workload().IsMatch(id) && !id.Split('/').Skip(3).Any(s => s is "." or "..") ? id : null;

    /// <summary>The trust domain of an authority: its ID has no path.</summary>
    /// <returns>Null when its certificate names none.</returns>
    public static string? TrustDomainOf(X509Certificate2 authority) =>
        OnlyUri(authority) is { } id && Authority().IsMatch(id) ? DomainOf(id) : null;

    /// <summary>The trust domain in an ID.</summary>
    public static string DomainOf(string id) => id.Split('/')[2];

    private static string? OnlyUri(X509Certificate2 certificate)
    {
        try
        {
            var uris = certificate.Extensions.Where(e => e.Oid?.Value == AlternativeNameId).SelectMany(e => Uris(e.RawData)).ToList();
            return uris is [var only] ? only : null;
        }
        catch (Exception e) when (e is AsnContentException or CryptographicException)
        {
            return null; // an extension that is not a list of names names nobody
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

    // A trust domain, and a path of at least one segment, since without one it is the domain itself.
    [GeneratedRegex(@"\Aspiffe://[a-z0-9._-]+(/[A-Za-z0-9._-]+)+\z", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex Workload();

    [GeneratedRegex(@"\Aspiffe://[a-z0-9._-]+/?\z", RegexOptions.NonBacktracking)]
    private static partial Regex Authority();
}
