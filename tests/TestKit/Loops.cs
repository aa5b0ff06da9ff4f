using System.Diagnostics.Metrics;
using AuthIndex.Hosting.Background;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.TestKit;

/// <summary>Where a background loop reports that is tested without a server.</summary>
internal static class Loops
{
    /// <summary>Loops with a clock.</summary>
    public static BackgroundLoops Of(TimeProvider clock) => new(new Meter("AuthIndex.Test"), clock, NullLogger<BackgroundLoops>.Instance);
}
