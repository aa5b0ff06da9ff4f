using System.Diagnostics;

namespace AuthIndex.TokenServer.Metrics;

/// <summary>The spans that the token server adds to those of its requests; none is made while nobody collects them.</summary>
internal static class TokenTraces
{
    /// <summary>Their source.</summary>
    public static ActivitySource Source { get; } = new("AuthIndex.TokenServer");
}
