using System.Security.Cryptography;
using System.Text;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Background;
using AuthIndex.Hosting.Files;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Identity.Oidc;

/// <summary>
/// The issuers of the configuration. Their keys are refreshed in the background, so that an unreachable issuer does not keep the server
/// from starting.
/// </summary>
internal sealed class OidcIssuers : BackgroundLoop
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5); // docker gives up after 15

    /// <param name="issuers">Their settings.</param>
    /// <param name="folder">Where fetched keys are kept.</param>
    /// <param name="loops">Where a failure of the loop is reported.</param>
    /// <param name="log">Takes what goes wrong with keys.</param>
    /// <exception cref="OperatorException">The settings conflict, or a file that they name cannot be used.</exception>
    public OidcIssuers(IReadOnlyList<OidcIssuerOptions> issuers, string folder, BackgroundLoops loops, ILogger<OidcIssuers> log)
        : base("oidcKeys", loops)
    {
        foreach (var issuer in issuers)
        {
            if (Problem(issuer, issuers) is { } problem) throw new OperatorException($"tokenServer.oidc: {issuer.Name}: {problem}");
        }

        if (issuers.Any(i => i.KeysFile is null)) DataDirectory.Ensure(folder);
        All = [.. issuers.Select(i => new OidcIssuer(i, new IssuerKeys(i, CopyOf(i, folder), Client(i), Clock, log), Clock))];
    }

    /// <summary>The configured issuers.</summary>
    public IReadOnlyList<OidcIssuer> All { get; }

    /// <summary>Grows whenever keys of an issuer have changed.</summary>
    public long Version
    {
        get
        {
            long version = 0;
            foreach (var issuer in All) version += issuer.Keys.Generation;
            return version;
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        foreach (var issuer in All) issuer.Dispose();
    }

    /// <inheritdoc/>
    protected override bool IsOver => All.Count == 0;

    /// <inheritdoc/>
    protected override async Task RoundAsync(CancellationToken stoppingToken)
    {
        await Task.WhenAll(All.Select(i => i.Keys.LookAsync(stoppingToken)));
        await Task.Delay(LookEvery, Clock, stoppingToken);
    }

    private static string? Problem(OidcIssuerOptions issuer, IReadOnlyList<OidcIssuerOptions> all)
    {
        if (Subject.IsReserved(issuer.Name)) return "the name has another meaning in policies; choose a different one";
        if (all.Count(i => i.Name == issuer.Name) > 1) return "the name is used more than once";
        if (all.Count(i => i.Issuer == issuer.Issuer) > 1) return $"the issuer {issuer.Issuer} is listed more than once";
        if (issuer.KeysFile is null) return null;
        return issuer.KeysUrl is not null || issuer.CaFile is not null || issuer.BearerTokenFile is not null
            ? "with keysFile nothing is fetched: remove keysUrl, caFile and bearerTokenFile"
            : null;
    }

    // If a name now means another issuer, the former issuer's keys must not be trusted.
    private static string CopyOf(OidcIssuerOptions issuer, string folder) =>
        Path.Combine(
            folder,
            $"{issuer.Name}-"
            + $"{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{issuer.Issuer}\n{issuer.KeysUrl}")))[..16]}.json");

    private static HttpClient Client(OidcIssuerOptions issuer) =>
        new(IssuerHttp.Handler(issuer.CaFile, $"tokenServer.oidc: {issuer.Name}"))
        {
            Timeout = Timeout,
            MaxResponseContentBufferSize = IssuerKeys.MaxAnswerBytes,
        };
}
