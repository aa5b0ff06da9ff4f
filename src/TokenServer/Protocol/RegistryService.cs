using System.Security.Cryptography;
using System.Text;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Web;

namespace AuthIndex.TokenServer.Protocol;

/// <summary>A registry that tokens are issued for.</summary>
internal sealed class RegistryService
{
    private const int MaxUrlLength = 2048;

    private readonly byte[]? credentialHash;
    private readonly Uri? url;
    private readonly Uri? internalUrl;
    private readonly string? urlFile;

    private RegistryService(ServiceOptions options, byte[]? credentialHash)
    {
        Name = options.Name;
        Audience = AudienceOf(options);
        url = options.Url;
        internalUrl = options.InternalUrl;
        urlFile = options.UrlFile;
        CaFile = options.CaFile;
        Algorithm = options.Algorithm;
        SendsCertificate = options.KeyHeader == ServiceOptions.CertificateHeader;
        TokenLifetime = options.TokenLifetime;
        this.credentialHash = credentialHash;
    }

    /// <summary>The <c>service</c> that clients name.</summary>
    public string Name { get; }

    /// <summary>The <c>aud</c> of its tokens.</summary>
    public string Audience { get; }

    /// <summary>Where clients reach it; null when that is not configured.</summary>
    public Uri? Url => url ?? (urlFile is null ? null : ReadUrl(urlFile));

    /// <summary>Where this server reaches it; null when that is not configured.</summary>
    public Uri? InternalUrl => internalUrl ?? Url;

    /// <summary>The private CA of its certificate; null for the system's.</summary>
    public string? CaFile { get; }

    /// <summary>The <c>alg</c> of its tokens.</summary>
    public string Algorithm { get; }

    /// <summary>Whether its tokens carry the signing key's certificate.</summary>
    public bool SendsCertificate { get; }

    /// <summary>The lifetime of its tokens, when it differs from the default.</summary>
    public TimeSpan? TokenLifetime { get; }

    /// <summary>The configured services; without any, one with the default name and the credential that init makes.</summary>
    /// <exception cref="OperatorException">Two have one name or one audience, or a credential cannot be read.</exception>
    public static IReadOnlyList<RegistryService> Load(TokenServerOptions options)
    {
        if (options.EffectiveServices.GroupBy(s => s.Name, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new OperatorException($"tokenServer.services: the name '{twice.Key}' is used {twice.Count()} times");
        }

        foreach (var service in options.EffectiveServices)
        {
            DemandBase(service.Url, $"tokenServer.services, {service.Name}: url");
            DemandBase(service.InternalUrl, $"tokenServer.services, {service.Name}: internalUrl");
        }

        // A token names its registry only by the audience: with a shared one, rights at one registry would apply to the other.
        if (options.EffectiveServices.GroupBy(AudienceOf, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } shared)
        {
            var names = string.Join(" and ", shared.Select(s => $"'{s.Name}'"));
            throw new OperatorException(
                $"tokenServer.services: {names} have the same audience '{shared.Key}', so a token for one would be valid for the other; "
                + $"give each its own");
        }

        return [.. options.EffectiveServices.Select(Load)];
    }

    /// <summary>Whether the registry can prove who it is, and so report to the index.</summary>
    public bool HasCredential => credentialHash is not null;

    /// <summary>Whether this is the registry's credential, compared in constant time.</summary>
    public bool Knows(string credential) =>
        credentialHash is not null
        && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(credential)), credentialHash);

    private static void DemandBase(Uri? url, string key)
    {
        ServerHost.DemandBase(url, key);
        if (url is not null && !IsHttp(url)) throw new OperatorException($"{key}: it must begin with https:// or http://");
    }

    private static bool IsHttp(Uri url) => url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp;

    /// <summary>The URL in a file; null while there is none.</summary>
    private static Uri? ReadUrl(string file)
    {
        try
        {
            using var reader = new StreamReader(file);
            var text = new char[MaxUrlLength];
            return Uri.TryCreate(new string(text, 0, reader.ReadBlock(text)).Trim(), UriKind.Absolute, out var read) && IsHttp(read)
                ? read
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // the registry has not started, or has ended
        }
    }

    private static string AudienceOf(ServiceOptions service) => service.Audience ?? service.Name;

    private static RegistryService Load(ServiceOptions service)
    {
        byte[]? hash = null;
        if (service.CredentialFile is { } file)
        {
            var credential = SecretFile.ReadText(file, "the registry's credential", "run init to create it");
            if (credential.Length < 16)
            {
                throw new OperatorException($"the registry's credential {file} has fewer than 16 characters and could be guessed");
            }

            hash = SHA256.HashData(Encoding.UTF8.GetBytes(credential));
        }

        return new RegistryService(service, hash);
    }
}
