using System.Diagnostics;

namespace AuthIndex.TokenServer.Metrics;

/// <summary>The spans that the token server adds to those of its requests; none is created unless they are collected.</summary>
internal static class TokenTraces
{
    /// <summary>The activity source of the spans.</summary>
    public static ActivitySource Source { get; } = new("AuthIndex.TokenServer");
}
