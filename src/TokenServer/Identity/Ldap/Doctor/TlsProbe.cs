using System.Formats.Asn1;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using AuthIndex.TokenServer.Identity.Ldap.Connections;

namespace AuthIndex.TokenServer.Identity.Ldap.Doctor;

/// <summary>What a server presents in the TLS handshake.</summary>
/// <param name="Protocol">The version of TLS.</param>
/// <param name="Subject">Whose certificate it is.</param>
/// <param name="Issuer">Who made it.</param>
/// <param name="Names">The names that it is for.</param>
/// <param name="Expires">When it expires.</param>
/// <param name="Problems">Why it is not trusted; empty when it is.</param>
internal sealed record TlsReport(
    SslProtocols Protocol, string Subject, string Issuer, IReadOnlyList<string> Names, DateTimeOffset Expires,
    IReadOnlyList<string> Problems);

/// <summary>Reads a server's certificate without the LDAP library, which reports only that it was rejected.</summary>
/// <param name="caFile">The CA certificates that it must chain to; the system's when null.</param>
internal sealed class TlsProbe(string? caFile)
{
    // StartTLS (RFC 4511 section 4.14): an extended request, [APPLICATION 23], with the operation's name in [0].
    private static readonly byte[] StartTlsRequest = [0x30, 0x1d, 0x02, 0x01, 0x01, 0x77, 0x18, 0x80, 0x16, .. "1.3.6.1.4.1.1466.20037"u8];

    /// <summary>Begins TLS on an open connection.</summary>
    /// <exception cref="IOException">The server does not speak TLS.</exception>
    public async Task<TlsReport> LookAsync(NetworkStream stream, DirectoryServer server, CancellationToken cancellationToken)
    {
        if (server.Security == ServerSecurity.StartTls) await StartTlsAsync(stream, cancellationToken);
        var problems = new List<string>();
#pragma warning disable CA5359 // The certificate is only looked at, also when it is bad; nothing is sent over this connection.
        await using var tls = new SslStream(stream, leaveInnerStreamOpen: true, (_, certificate, sent, errors) =>
        {
            problems.AddRange(Problems(certificate as X509Certificate2, sent, errors));
            return true;
        });
#pragma warning restore CA5359
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = server.Host }, cancellationToken);
        var shown = tls.RemoteCertificate as X509Certificate2 ?? throw new AuthenticationException("the server sent no certificate");
        return new TlsReport(tls.SslProtocol, shown.Subject, shown.Issuer, Names(shown), new DateTimeOffset(shown.NotAfter), problems);
    }

    private static async Task StartTlsAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(StartTlsRequest, cancellationToken);
        var answer = new byte[4096];
        var length = await stream.ReadAsync(answer, cancellationToken);
        var code = -1;
        try
        {
            var message = new AsnReader(answer.AsMemory(0, length), AsnEncodingRules.BER).ReadSequence();
            message.ReadInteger();
            var response = message.ReadSequence(new Asn1Tag(TagClass.Application, 24, isConstructed: true));
            code = (int)response.ReadEnumeratedBytes().Span[^1];
        }
        catch (AsnContentException e)
        {
            throw new IOException("the answer to StartTLS is not LDAP", e);
        }

        if (code != ResultCodes.Success) throw new IOException($"the server refuses StartTLS: result {code}");
    }

    private static string[] Names(X509Certificate2 certificate) =>
        certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().FirstOrDefault() is { } names
            ? [.. names.EnumerateDnsNames(), .. names.EnumerateIPAddresses().Select(a => a.ToString())]
            : [];

    private IEnumerable<string> Problems(X509Certificate2? certificate, X509Chain? sent, SslPolicyErrors errors)
    {
        if (certificate is null)
        {
            yield return "the server presents no certificate";
            yield break;
        }

        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch)) yield return "the certificate is not for this name";
        using var chain = new X509Chain();
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        if (sent is not null) chain.ChainPolicy.ExtraStore.AddRange(sent.ChainPolicy.ExtraStore);
        if (caFile is not null)
        {
            chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.ChainPolicy.CustomTrustStore.ImportFromPemFile(caFile);
        }

        if (chain.Build(certificate)) yield break;
        foreach (var status in chain.ChainStatus) yield return $"{status.Status}: {status.StatusInformation.Trim()}";
    }
}
