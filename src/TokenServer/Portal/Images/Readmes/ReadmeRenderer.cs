using System.Text;
using AuthIndex.TokenServer.Registries;
using Microsoft.Extensions.Caching.Memory;

namespace AuthIndex.TokenServer.Portal.Images.Readmes;

/// <summary>
/// The HTML of READMEs, kept in bounded memory by the digest of their text. Whoever may push chooses a text that takes long: little is
/// rendered at once, for an account or address less, and a page that does not wait for it finds it done later.
/// </summary>
/// <param name="toHtml">The HTML of a text; null for one that is too complex.</param>
internal sealed class ReadmeRenderer(Func<string, string?> toHtml) : IDisposable
{
    private const long MaxCached = 16 * 1024 * 1024;
    private const int Overhead = 200;

    // A text takes milliseconds, at worst some seconds; pages wait no longer for everything.
    private readonly WorkTurns turns = new(2, 2, RepositoryDetails.Patience);

    private readonly MemoryCache cache = new(new MemoryCacheOptions { SizeLimit = MaxCached });
    private readonly Dictionary<ContentDigest, Task<Rendered?>> underWay = [];

    /// <summary>The HTML of a text.</summary>
    /// <param name="markdown">The text.</param>
    /// <param name="who">The account, or address, of whoever looks.</param>
    /// <param name="cancellationToken">Ends the wait; what has begun is finished and kept.</param>
    /// <returns>The HTML, or null in it for a text that is too complex; null when too much is being rendered.</returns>
    public async Task<Rendered?> RenderAsync(string markdown, string who, CancellationToken cancellationToken)
    {
        var digest = ContentDigest.Of(Encoding.UTF8.GetBytes(markdown));
        if (cache.TryGetValue(digest, out Rendered? known)) return known;
        Task<Rendered?>? rendering;
        lock (underWay)
        {
            if (!underWay.TryGetValue(digest, out rendering))
            {
                rendering = Task.Run(() => RenderAsync(digest, markdown, who), CancellationToken.None);
                underWay.Add(digest, rendering);
            }
        }

        return await rendering.WaitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        turns.Dispose();
        cache.Dispose();
    }

    private async Task<Rendered?> RenderAsync(ContentDigest digest, string markdown, string who)
    {
        try
        {
            using var turn = await turns.TakeAsync(who, CancellationToken.None);
            if (turn is null) return null;
            var rendered = new Rendered(toHtml(markdown));
            cache.Set(digest, rendered, new MemoryCacheEntryOptions { Size = Overhead + (2L * (rendered.Html?.Length ?? 0)) });
            return rendered;
        }
        finally
        {
            lock (underWay) underWay.Remove(digest);
        }
    }

    /// <param name="Html">The HTML; null when the text is too complex.</param>
    internal sealed record Rendered(string? Html);
}
