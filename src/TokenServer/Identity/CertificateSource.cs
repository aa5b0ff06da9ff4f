using System.Security.Cryptography.X509Certificates;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Identity;

/// <summary>
/// Accounts from client certificates. The handshake has verified that a certificate was issued by a configured authority; groups come only
/// from the policy. No password signs in here.
/// </summary>
internal sealed class CertificateSource(ClientCertificateOptions options, TimeProvider time) : IIdentitySource
{
    private static readonly SignInOutcome.UnknownAccount Unknown = new();

    /// <inheritdoc/>
    public string Name => SignIn.Certificate;

    /// <inheritdoc/>
    public long Version => 0;

    /// <summary>Signs in the account that a connection's certificate names.</summary>
    /// <returns>Null where there is none, or none configured for sign-in: the caller is anonymous.</returns>
    public SignInOutcome? Recognize(X509Certificate2? certificate)
    {
        if (certificate is null || options.AccountFrom == ClientCertificateOptions.NoAccount) return null;

        // A connection can outlive its certificate.
        if (time.GetUtcNow() >= new DateTimeOffset(certificate.NotAfter))
        {
            return new SignInOutcome.Refused("the client certificate has expired since the connection was made");
        }

        return AccountOf(certificate) is { } account
            ? SignedIn(account) with { TokensEnd = new DateTimeOffset(certificate.NotAfter) }
            : new SignInOutcome.Refused($"the client certificate has no {options.AccountFrom} that names an account");
    }

    /// <summary>The holder of such a token had the certificate when the token was issued.</summary>
    public ValueTask<SignInOutcome> FindAsync(string account, CancellationToken cancellationToken) =>
        new(options.AccountFrom != ClientCertificateOptions.NoAccount && Subject.IsCertificate(account) ? SignedIn(account) : Unknown);

    /// <inheritdoc/>
    public ValueTask<NamesFound> NamesAsync(string name, bool asTyped, CancellationToken cancellationToken) =>
        new(
            options.AccountFrom != ClientCertificateOptions.NoAccount && Subject.IsCertificate(name)
            ? new NamesFound([name])
            : NamesFound.None);

    private SignInOutcome.SignedIn SignedIn(string account) => new(account, [], Name) { Origin = new AccountOrigin(Name) };

    private string? AccountOf(X509Certificate2 certificate) =>
        options.AccountFrom == "spiffe" ? CertificateAccount.OfSpiffeId(certificate) : CertificateAccount.OfCommonName(certificate);
}
