using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AuthIndex.Hosting.Web;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace AuthIndex.Hosting.Tls;

/// <summary>
/// How each TLS handshake is made: TLS 1.2 or 1.3 with the certificate that is in force at that moment, and where clients show
/// certificates, only ones of a configured authority, within their time and made for clients (RFC 5280 section 4.2.1.12). One that signs in
/// an account must not be an authority's, and with SPIFFE IDs it must be issued by an authority of the ID's own trust domain (X.509-SVID
/// section 5). An untrusted certificate ends the handshake, even where none is required.
/// </summary>
internal sealed partial class Handshake(CertificateFiles files, ClientCertificateOptions clients, ILogger<Handshake> log)
{
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2"; // id-kp-clientAuth

    private readonly bool isRequired = clients.Mode == "required";

    /// <summary>The settings of the next one.</summary>
    public SslServerAuthenticationOptions Next()
    {
        var current = files.Current;
        var settings = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = current.Context,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        };
        if (current.ClientAuthorities is not { } authorities) return settings;

        settings.ClientCertificateRequired = true; // asked for; whether one comes is judged below
        settings.AllowTlsResume = false; // a ticket would outlive the authority that it was given under
        settings.RemoteCertificateValidationCallback = (_, certificate, chain, errors) => IsWelcome(current, certificate, chain, errors);
        settings.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck, // a private CA publishes no revocations
            DisableCertificateDownloads = true, // a client must not make the server fetch URLs
            ApplicationPolicy = { new Oid(ClientAuthentication) },
        };
        settings.CertificateChainPolicy.CustomTrustStore.AddRange(authorities);
        return settings;
    }

    /// <summary>
    /// Takes what a peer causes that speaks TLS but does not begin with a hello: the runtime then never asks for a certificate and
    /// says that there is none, which would stand in the log as an error of the server's own, as often as anybody likes.
    /// </summary>
    public async Task GuardAsync(ConnectionContext connection, Func<Task> rest)
    {
        try
        {
            await rest();
        }
        catch (NotSupportedException e)
        {
            LogNoHello(log, connection.ConnectionId, e.Message);
        }
    }

    private bool IsWelcome(CertificateSet current, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (certificate is null) return !isRequired;
        var reason = errors == SslPolicyErrors.None && certificate is X509Certificate2 leaf && chain is not null
            ? Problem(current, leaf, chain)
            : string.Join(", ", (chain?.ChainStatus ?? []).Select(s => s.Status).Distinct());
        if (reason is null) return true;
        var subject = LogText.Clean(certificate.Subject);
        LogNotBelieved(log, subject, reason);
        return false;
    }

    /// <summary>What else is wrong with a certificate whose chain is valid; null when nothing is.</summary>
    private string? Problem(CertificateSet current, X509Certificate2 leaf, X509Chain chain)
    {
        if (clients.AccountFrom != ClientCertificateOptions.NoAccount && IsAuthority(leaf))
        {
            return "it is an authority's certificate, not a client's";
        }

        if (current.TrustDomains is not { } domains || SpiffeId.OfWorkload(leaf) is not { } id) return null;
        if (!domains.TryGetValue(SpiffeId.DomainOf(id), out var bundle)) return $"the trust domain of {id} is not configured";
        var root = chain.ChainElements[^1].Certificate.RawDataMemory;
        return bundle.Any(c => c.RawDataMemory.Span.SequenceEqual(root.Span))
            ? null
            : $"its authority is not one of the trust domain of {id}";
    }

    private static bool IsAuthority(X509Certificate2 leaf) =>
        leaf.Extensions.OfType<X509BasicConstraintsExtension>().Any(e => e.CertificateAuthority)
        || leaf.Extensions.OfType<X509KeyUsageExtension>().Any(
            e => (e.KeyUsages & (X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign)) != X509KeyUsageFlags.None);

    [LoggerMessage(
        EventId = LogEvents.TlsNoClientHello, EventName = nameof(LogEvents.TlsNoClientHello), Level = LogLevel.Debug,
        Message = "Connection {Id} did not begin with a TLS client hello: {Reason}")]
    private static partial void LogNoHello(ILogger log, string id, string reason);

    [LoggerMessage(
        EventId = LogEvents.ClientCertificateRejected, EventName = nameof(
            LogEvents.ClientCertificateRejected), Level = LogLevel.Information,
        Message = "The client certificate \"{Subject}\" was rejected: {Reason}")]
    private static partial void LogNotBelieved(ILogger log, string subject, string reason);
}
