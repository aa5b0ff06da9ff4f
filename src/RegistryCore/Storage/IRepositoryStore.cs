namespace AuthIndex.RegistryCore.Storage;

/// <summary>The repositories by name.</summary>
internal interface IRepositoryStore
{
    /// <summary>Greater than every text that a name goes on with.</summary>
    internal const string Greatest = "\U0010ffff";

    /// <summary>The names of repositories that hold a manifest and begin with a prefix, in byte order.</summary>
    /// <param name="after">The name, which need not exist, that all of them come after.</param>
    /// <param name="count">The most names.</param>
    /// <param name="prefix">How they begin.</param>
    ValueTask<IReadOnlyList<string>> ListAsync(string after, int count, string prefix = "");

    /// <summary>What the names of upstreams' copies begin with, without the slash; also of upstreams no longer configured.</summary>
    ValueTask<IReadOnlyList<string>> UpstreamPrefixesAsync();

    /// <summary>Remembers prefixes as upstreams'.</summary>
    Task AddUpstreamPrefixesAsync(IReadOnlyList<string> prefixes);
}
