using System.Globalization;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests;

/// <summary>One registry for all tests of a class, each of which takes a repository of its own.</summary>
public class SharedRegistry : IAsyncLifetime
{
    private int repositories;

    public RegistryHost Host { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Host = await StartAsync();

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>A repository that no other test uses, in the hands of <c>alice</c>, who may do everything there.</summary>
    internal Repository New() => new(Host, "team/app" + Interlocked.Increment(ref repositories).ToString(CultureInfo.InvariantCulture));

    /// <summary>Where bytes are kept that begin as the content does.</summary>
    internal virtual Task<List<string>> PlacesHoldingAsync(Content content) => Task.FromResult(FilesHolding(content));

    /// <summary>The files below the registry's folder that begin as the content does.</summary>
    internal List<string> FilesHolding(Content content)
    {
        var found = new List<string>();
        foreach (var path in Directory.GetFiles(Host.Root, "*", SearchOption.AllDirectories))
        {
            try
            {
                using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                var start = new byte[64];
                if (file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length
                    && content.Bytes.AsSpan().StartsWith(start))
                {
                    found.Add(path);
                }
            }
            catch (IOException)
            {
                // Another test's upload ended between the listing and now, or it is the lock.
            }
        }

        return found;
    }

    /// <summary>Starts the registry.</summary>
    private protected virtual Task<RegistryHost> StartAsync() => RegistryHost.StartAsync();
}
