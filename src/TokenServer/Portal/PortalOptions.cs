using AuthIndex.Hosting.Configuration;
using AuthIndex.TokenServer.Identity.Oidc.People;

namespace AuthIndex.TokenServer.Portal;

/// <summary>The section <c>tokenServer.portal</c> of the configuration.</summary>
internal sealed class PortalOptions
{
    /// <summary>Whether the server has the portal's pages; otherwise <c>/</c> only says what answers there.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>After how long without use a session ends.</summary>
    [DurationRange("1m", "30d")]
    public TimeSpan SessionIdle { get; set; } = TimeSpan.FromHours(1);

    /// <summary>After how long a session ends in any case.</summary>
    [DurationRange("1m", "30d")]
    public TimeSpan SessionLifetime { get; set; } = TimeSpan.FromHours(12);

    /// <summary>The OpenID Connect providers where people may sign in.</summary>
    public List<OidcProviderOptions> Providers { get; set; } = [];
}
