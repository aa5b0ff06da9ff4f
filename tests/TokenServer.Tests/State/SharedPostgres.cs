using AuthIndex.TestKit;

[assembly: AssemblyFixture(typeof(AuthIndex.TokenServer.Tests.State.SharedPostgres))]

namespace AuthIndex.TokenServer.Tests.State;

/// <summary>The databases of this assembly's tests.</summary>
public sealed class SharedPostgres() : PooledPostgres(Require)
{
    /// <summary>Skips the test where something stands in its way.</summary>
    internal static void Require(string? obstacle) => Assert.SkipWhen(obstacle is not null, obstacle ?? "");
}
