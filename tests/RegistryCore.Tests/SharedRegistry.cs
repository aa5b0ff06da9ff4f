using System.Globalization;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests;

/// <summary>One registry for all tests of a class, each of which takes a repository of its own.</summary>
public sealed class SharedRegistry : IAsyncLifetime
{
    private int repositories;

    public RegistryHost Host { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Host = await RegistryHost.StartAsync();

    public ValueTask DisposeAsync() => Host.DisposeAsync();

    /// <summary>A repository that no other test uses, in the hands of <c>alice</c>, who may do everything there.</summary>
    internal Repository New() => new(Host, "team/app" + Interlocked.Increment(ref repositories).ToString(CultureInfo.InvariantCulture));
}
